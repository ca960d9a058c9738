#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "drive/doctor.h"
#include "drive/host_facts.h"
#include "sys/files.h"
#include "sys/programs.h"
#include "sys/unique_fd.h"

namespace hlid::drive {
namespace {

constexpr std::int64_t kRoomWanted = 20LL << 30;

/// One of `programs` is enough.
struct Need {
  const char* name;
  std::vector<const char*> programs;
  const char* package;
};

const std::vector<Need>& needs() {
  static const std::vector<Need> kNeeds{
      {"QEMU", {"qemu-system-x86_64"}, "qemu-system-x86"},
      {"qemu-img", {"qemu-img"}, "qemu-utils"},
      {"mmdebstrap", {"mmdebstrap"}, "mmdebstrap"},
      {"mkfs.ext4", {"mkfs.ext4"}, "e2fsprogs"},
      {"ip", {"ip"}, "iproute2"},
      {"NAT for the machines", {"slirp4netns", "passt", "pasta"}, "slirp4netns"},
      {"names for the machines", {"dnsmasq"}, "dnsmasq-base"},
      {"nft", {"nft"}, "nftables"},
      {"ssh", {"ssh"}, "openssh-client"},
  };
  return kNeeds;
}

Check check_program(const Need& need) {
  for (const char* program : need.programs)
    if (const auto found = sys::find_program(program)) return {need.name, Check::State::ok, *found, ""};
  return {need.name, Check::State::failed, std::string(need.programs.front()) + " is not installed",
          std::string("apt install ") + need.package};
}

Check check_acceleration() {
  const auto found = acceleration_of_this_machine();
  if (found.kvm) return {"KVM", Check::State::ok, found.reason, ""};
  const bool group = contains(found.reason, "group kvm");
  return {"KVM", Check::State::warning, found.reason + ": machines are emulated and boot many times slower",
          group ? "usermod -aG kvm $USER, then log in anew" : ""};
}

Check check_tun() {
  const sys::UniqueFd device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (device) return {"/dev/net/tun", Check::State::ok, "opens", ""};
  const auto why = std::generic_category().message(errno);
  return {"/dev/net/tun", Check::State::failed, "does not open: " + why,
          errno == ENOENT ? "modprobe tun" : "chmod 0666 /dev/net/tun"};
}

Check check_namespaces(sys::ProcessRunner& processes) {
  sys::Command command{{"unshare", "--user", "--map-root-user", "--net", "true"}};
  command.timeout = std::chrono::seconds(10);
  if (::geteuid() == 0) command.argv = {"unshare", "--net", "true"};
  const auto result = processes.run(command);
  if (result.ok()) return {"namespaces", Check::State::ok, "a network namespace of our own can be made", ""};
  const bool apparmor = std::filesystem::exists("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  return {"namespaces", Check::State::failed, "no network namespace can be made: " + result.describe(),
          apparmor ? "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
                   : "sysctl -w kernel.unprivileged_userns_clone=1"};
}

Check check_room(const std::filesystem::path& home) {
  auto folder = home;
  while (!std::filesystem::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
  const auto room = sys::free_bytes(folder);
  const auto detail = fmt::format("{} free for {}", to_human(Bytes{room}), home.string());
  if (room >= kRoomWanted) return {"disk", Check::State::ok, detail, ""};
  return {"disk", Check::State::warning, detail + "; six machines want 20 GiB and grow",
          "HLID_HOME=/a/folder/with/room hlid up"};
}

Check check_home(const std::filesystem::path& home) {
  constexpr std::size_t kLongestHome = 60;  // unix socket paths end at 107 bytes
  if (home.string().size() <= kLongestHome) return {"HLID_HOME", Check::State::ok, home.string(), ""};
  return {"HLID_HOME", Check::State::warning, "is long; sockets under it may not fit in 107 bytes",
          "HLID_HOME=/a/shorter/folder hlid up"};
}

}  // namespace

std::vector<Check> check_this_machine(sys::ProcessRunner& processes, const std::filesystem::path& home) {
  std::vector<Check> checks{check_acceleration()};
  for (const auto& need : needs()) checks.push_back(check_program(need));
  checks.push_back(check_namespaces(processes));
  checks.push_back(check_tun());
  checks.push_back(check_home(home));
  checks.push_back(check_room(home));
  return checks;
}

}  // namespace hlid::drive
