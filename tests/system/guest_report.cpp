#include "guest_report.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "support/lab.h"

namespace hlid::test {

namespace {

/// One line "fact=text" each. Run by bash as the user of the homelab file.
constexpr const char* kQuestions = R"BASH(
say() { printf '%s=%s\n' "$1" "$(printf %s "$2" | tr '\n' ' ' | sed 's/ *$//')"; }
say user "$(id -un)"
say sudo "$(sudo -n id -un 2>&1)"
say host "$(hostname)"
say address "$(ip -4 -o addr show scope global | awk '{print $4}')"
say gateway "$(ip -4 route show default | awk '{print $3}')"
say dns "$(cat /run/systemd/resolve/resolv.conf /etc/resolv.conf 2>/dev/null | awk '$1 == "nameserver" && $2 != "127.0.0.53" {print $2}' | sort -u)"
say lang "$(. /etc/default/locale && echo "$LANG")"
say locales "$(locale -a | tr 'A-Z' 'a-z')"
say keyboard "$(. /etc/default/keyboard && echo "$XKBLAYOUT")"
say timezone "$(readlink -f /etc/localtime | sed 's,.*/zoneinfo/,,')"
say packages "$(dpkg-query -W -f '${Package}:${db:Status-Status} ' vim zip unzip sudo qemu-guest-agent cloud-init 2>/dev/null)"
say root_bytes "$(df -B1 --output=size / | tail -n 1 | tr -d ' ')"
say cpus "$(nproc)"
say memory_kib "$(awk '/^MemTotal/ {print $2}' /proc/meminfo)"
say swaps "$(tail -n +2 /proc/swaps | wc -l)"
say machine_id "$(cat /etc/machine-id)"
say host_key "$(cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub)"
say uuid "$(sudo -n cat /sys/class/dmi/id/product_uuid | tr 'A-Z' 'a-z')"
say sshd "$(sudo -n sshd -T 2>/dev/null | grep -E '^(port|passwordauthentication|kbdinteractiveauthentication|permitrootlogin|pubkeyauthentication) ' | sort | tr ' ' ':')"
say cloud_init "$(cloud-init status 2>&1 | head -n 1)"
say os "$(. /etc/os-release && echo "$PRETTY_NAME")"
connect() { timeout 60 bash -c 'exec 3<>"/dev/tcp/$0/$1" && head -c 7 <&3' "$1" "$2" 2>/dev/null; }
while read -r name address; do
  [ -n "$name" ] || continue
  say "by_address:$name" "$(connect "$address" "$SSH_PORT")"
  say "by_name:$name" "$(connect "$name" "$SSH_PORT")"
done <<PEERS
$PEERS
PEERS
archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -o 'https\?://[^/ ]*' | head -n 1)
case $archive in https:*) port=443 ;; *) port=80 ;; esac
say archive "$archive"
say archive_reached "$(timeout 60 bash -c 'exec 3<>"/dev/tcp/$0/$1" && echo yes' "${archive#*//}" "$port" 2>&1)"
)BASH";

}  // namespace

GuestReport ask_guest(Lab& lab, const std::string& file, const std::string& machine, int ssh_port,
                      const std::vector<std::pair<std::string, std::string>>& peers) {
  std::string list;
  for (const auto& [name, address] : peers) list += name + " " + address + "\n";
  const std::string script =
      "SSH_PORT=" + std::to_string(ssh_port) + "\nPEERS='" + list + "'\n" + kQuestions + "\nexit 0\n";
  const auto result =
      lab.hlid({"ssh", "-f", file, machine, "--", "bash", "-s"}, std::chrono::minutes(8), script);
  EXPECT_TRUE(result.ok()) << machine << ": " << result.describe();
  GuestReport report;
  for (const auto& line : split(result.output, '\n'))
    if (const auto at = line.find('='); at != std::string::npos)
      report[line.substr(0, at)] = line.substr(at + 1);
  return report;
}

}  // namespace hlid::test
