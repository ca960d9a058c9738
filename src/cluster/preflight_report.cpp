// What a machine says of itself before the first start: one script, and its report read.
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "cluster/preflight.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

using std::chrono::milliseconds;

// Arguments: DISTRIBUTION DATA-FOLDER. Lines "key<TAB>value"; the last is "end".
constexpr std::string_view kScript = R"sh(# hlid:preflight
name=$1 data=$2
say() { printf '%s\t%s\n' "$1" "$2"; }
say now "$(date +%s)"
say hostname "$(cat /proc/sys/kernel/hostname)"
say architecture "$(uname -m)"
say kernel "$(uname -r)"
[ -d /run/systemd/system ] && say systemd yes
[ -e /sys/fs/cgroup/cgroup.controllers ] && say cgroup2 yes
[ -e "$data/agent/etc" ] || [ -e "$data/server/tls" ] && say started yes
for module in overlay br_netfilter nf_conntrack vxlan; do
  [ -e "/sys/module/$module" ] || grep -qs "/$module\.ko" "/lib/modules/$(uname -r)/modules.builtin" ||
    modprobe -n -q "$module" 2>/dev/null || say missing-module "$module"
done
ss -Hltnp 2>/dev/null | while read -r _ _ _ local _ process; do say listening "$local $process"; done
say cores "$(nproc)"
sed -n 's/^MemTotal: *\([0-9]*\) kB/memory\t\1/p; s/^SwapTotal: *\([0-9]*\) kB/swap\t\1/p' /proc/meminfo
place=$data
while [ ! -e "$place" ]; do place=${place%/*}; done
df -Pk "$place" | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\) *[0-9]*% *\(.*\)$/free\t\1 \2/p'
findmnt -nro OPTIONS -T "$place" 2>/dev/null | grep -q -w noexec && say noexec yes
[ -n "$(ip -4 route show default 2>/dev/null)" ] && say default-route yes
sed -n 's/^nameserver[[:blank:]]*\([^[:blank:]]*\).*/name-server\t\1/p' /etc/resolv.conf 2>/dev/null
sed -n 's/^nameserver[[:blank:]]*\([^[:blank:]]*\).*/upstream\t\1/p' /run/systemd/resolve/resolv.conf 2>/dev/null
for path in /etc/kubernetes/manifests /var/lib/kubelet/config.yaml /var/snap/microk8s /var/lib/k0s \
  /var/lib/rancher/k3s/server /var/lib/rancher/k3s/agent/etc /var/lib/rancher/rke2/server /var/lib/rancher/rke2/agent/etc \
  /etc/cni/net.d/*; do
  case $path in "$data"/*) continue ;; esac
  [ -e "$path" ] && say leftover "$path"
done
for unit in firewalld nm-cloud-setup.timer NetworkManager etcd kubelet; do
  systemctl -q is-active "$unit" 2>/dev/null && say active "$unit"
done
grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf && say active ufw
grep -qsr 'interface-name:cali' /etc/NetworkManager/conf.d && say active nm-knows-pods
if [ -e /run/systemd/timesync/synchronized ]; then
  say synchronized yes
elif systemctl -q is-active systemd-timesyncd 2>/dev/null; then
  say synchronized no
fi
say end "$name"
)sh";

long long number(std::string_view text, std::string_view key) {
  long long value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size())
    throw Error(Errc::protocol, "the machine's report has no number for '{}'", key);
  return value;
}

Bytes kib(std::string_view text, std::string_view key) {
  return Bytes{number(text, key) * 1024};
}

/// ss(8): "127.0.0.1:2379 users:(("etcd",pid=812,fd=7))", "[::]:22", "*:6443", "10.0.0.1%eth0:80".
ListeningPort parse_listening(std::string_view text) {
  ListeningPort out;
  const auto blank = std::min(text.find(' '), text.size());
  const auto local = text.substr(0, blank);
  const auto colon = local.rfind(':');
  if (colon == std::string_view::npos)
    throw Error(Errc::protocol, "the machine's report has no port in '{}'", text);
  out.address = std::string(local.substr(0, colon));
  out.port = static_cast<int>(number(local.substr(colon + 1), "listening"));
  const auto quote = text.find("((\"");
  if (quote != std::string_view::npos) {
    const auto name = text.substr(quote + 3);
    out.process = std::string(name.substr(0, name.find('"')));
  }
  return out;
}

void take_space(std::string_view value, HostFacts& facts) {
  const auto blank = std::min(value.find(' '), value.size());
  facts.free = kib(value.substr(0, blank), "free");
  facts.mounted_on = std::string(trim(value.substr(blank)));
}

/// False: not one of these.
bool take_list(std::string_view key, const std::string& value, HostFacts& facts) {
  if (key == "missing-module") return facts.missing_modules.insert(value), true;
  if (key == "listening") return facts.listening.push_back(parse_listening(value)), true;
  if (key == "name-server") return facts.name_servers.push_back(value), true;
  if (key == "upstream") return facts.upstream_name_servers.push_back(value), true;
  if (key == "leftover") return facts.leftovers.push_back(value), true;
  if (key == "active") return facts.active.push_back(value), true;
  return false;
}

void take(std::string_view key, const std::string& value, HostFacts& facts) {
  if (take_list(key, value, facts)) return;
  if (key == "hostname") facts.hostname = value;
  if (key == "architecture") facts.architecture = value;
  if (key == "kernel") facts.kernel = value;
  if (key == "systemd") facts.systemd = true;
  if (key == "cgroup2") facts.cgroup2 = true;
  if (key == "started") facts.started = true;
  if (key == "cores") facts.cores = static_cast<int>(number(value, key));
  if (key == "memory") facts.memory = kib(value, key);
  if (key == "swap") facts.swap = kib(value, key);
  if (key == "free") take_space(value, facts);
  if (key == "noexec") facts.noexec = true;
  if (key == "default-route") facts.default_route = true;
  if (key == "synchronized") facts.clock_synchronized = value == "yes";
  if (key == "now")
    facts.clock_offset = std::chrono::seconds(number(value, key));  // made relative by the caller
}

}  // namespace

std::string_view host_report_script() {
  return kScript;
}

HostFacts parse_host_report(std::string_view report) {
  HostFacts facts;
  bool whole = false;
  for (const auto& line : split(report, '\n')) {
    const auto tab = line.find('\t');
    if (tab == std::string::npos) continue;
    const auto key = line.substr(0, tab);
    whole = whole || key == "end";
    take(key, line.substr(tab + 1), facts);
  }
  if (!whole) throw Error(Errc::protocol, "the machine's report is cut short");
  return facts;
}

HostFacts look_at_host(Guest& guest, sys::Clock& clock, const std::string& distribution) {
  const auto& traits = traits_of(distribution);
  const auto begun = clock.now();
  const Ran ran = guest.run(kScript, {std::string(traits.name), std::string(traits.data)});
  const auto took = std::chrono::duration_cast<milliseconds>(clock.now() - begun);
  HostFacts facts = with_context("'" + guest.name() + "'", [&] { return parse_host_report(ran.output); });
  facts.machine = guest.name();
  // it said so at some moment while we waited; both clocks are read in whole seconds
  facts.clock_offset -= std::chrono::seconds(clock.unix_seconds());
  facts.clock_offset += took / 2;
  facts.clock_error = took / 2 + std::chrono::seconds(1);
  return facts;
}

}  // namespace hlid::cluster
