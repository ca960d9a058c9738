#include "cluster/preflight.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "cluster/traits.h"
#include "cluster/version.h"

namespace hlid::cluster {
namespace {

using model::Role;
using std::chrono::milliseconds;

class Findings {
 public:
  explicit Findings(std::string machine) : machine_(std::move(machine)) {}
  void fatal(std::string code, std::string what, std::string evidence, std::string fix) {
    out_.push_back({machine_, std::move(code), std::move(what), std::move(evidence), std::move(fix), true});
  }
  void warn(std::string code, std::string what, std::string evidence, std::string fix) {
    out_.push_back({machine_, std::move(code), std::move(what), std::move(evidence), std::move(fix), false});
  }
  std::vector<Problem> take() { return std::move(out_); }

 private:
  std::string machine_;
  std::vector<Problem> out_;
};

/// The kubelet refuses cgroup v1 from 1.35 on (Kubernetes changelog, failCgroupV1).
bool needs_cgroup2(const model::Cluster& cluster) {
  const auto version = Version::parse(cluster.version);
  return version && (version->major > 1 || version->minor >= 35);
}

void check_system(const HostFacts& facts, const model::Cluster& cluster, Findings& found) {
  if (facts.architecture != "x86_64" && facts.architecture != "aarch64")
    found.fatal("architecture", "no release for this processor", "uname says " + facts.architecture,
                "use an image for x86_64 or aarch64");
  if (!facts.systemd)
    found.fatal("no-systemd", "systemd does not run", "/run/systemd/system is missing",
                "use an image that boots with systemd");
  if (!facts.cgroup2) {
    const std::string fix = "boot with systemd.unified_cgroup_hierarchy=1, or use a newer image";
    if (needs_cgroup2(cluster)) {
      found.fatal("cgroup-v1", fmt::format("cgroup v1, which {} refuses", cluster.version),
                  "/sys/fs/cgroup/cgroup.controllers is missing", fix);
    } else {
      found.warn("cgroup-v1", "cgroup v1, which Kubernetes refuses from 1.35 on",
                 "/sys/fs/cgroup/cgroup.controllers is missing", fix);
    }
  }
  const bool vxlan = cluster.cni == "canal" || cluster.cni == "flannel";
  for (const auto& module : facts.missing_modules)
    if (module != "vxlan" || vxlan)
      found.fatal("kernel-module", fmt::format("the kernel has no module '{}'", module),
                  "neither loaded, built in nor loadable in " + facts.kernel,
                  "use an image with the kernel's extra modules");
}

/// What the distribution binds (docs.rke2.io/install/requirements, "Networking"; k3s: the same).
std::vector<int> ports_of(const Traits& traits, Role role) {
  std::vector<int> ports{6444, 10248, 10249, 10250, 10256};
  if (role == Role::server) {
    ports.insert(ports.end(), {traits.api_port, 2379, 2380, 2381, 10257, 10258, 10259});
    if (traits.supervisor_port != traits.api_port) ports.push_back(traits.supervisor_port);
  }
  std::sort(ports.begin(), ports.end());
  return ports;
}

std::string who_listens(const ListeningPort& there) {
  return fmt::format("{} listens on {}:{}", there.process.empty() ? "somebody" : there.process, there.address,
                     there.port);
}

void check_ports(const HostFacts& facts, const Traits& traits, Role role, Findings& found) {
  if (facts.started) return;  // its own
  for (const int port : ports_of(traits, role)) {
    const auto taken = std::find_if(facts.listening.begin(), facts.listening.end(),
                                    [&](const ListeningPort& there) { return there.port == port; });
    if (taken == facts.listening.end()) continue;
    found.fatal("port-in-use", fmt::format("port {} is in use", port), who_listens(*taken),
                taken->process == "etcd"
                    ? "systemctl mask --now etcd: the cluster brings its own"
                    : fmt::format("stop it, or move it to another port: ss -ltnp 'sport = {}'", port));
  }
}

void check_room(const HostFacts& facts, const model::Cluster& cluster, Role role, Findings& found) {
  // docs.rke2.io/install/requirements, "Hardware"; docs.k3s.io/installation/requirements
  const bool small = cluster.distribution == "k3s";
  const int cores = role == Role::server && !small ? 2 : 1;
  const Bytes memory = small ? mib(512) : mib(role == Role::server ? 3500 : 1800);
  if (facts.cores < cores)
    found.warn("few-cores", fmt::format("{} core(s), at least {} are wanted", facts.cores, cores), "nproc",
               "give the group more 'cores'");
  if (facts.memory < memory)
    found.warn("little-memory",
               fmt::format("{} MiB of memory, at least {} are wanted", facts.memory.mib(), memory.mib()),
               "/proc/meminfo", "give the group more 'memory'");
  const auto where = fmt::format("df of {} for {}", facts.mounted_on, cluster.distribution);
  if (facts.free < gib(1)) {
    found.fatal("no-space", fmt::format("{} MiB are free", facts.free.mib()), where,
                "make the 'disk' larger");
  } else if (facts.free < gib(small ? 4 : 12)) {
    found.warn("little-space",
               fmt::format("{} MiB are free; images alone take some {} GiB", facts.free.mib(), small ? 2 : 8),
               where, "make the 'disk' larger");
  }
  if (facts.noexec)
    found.fatal("noexec", fmt::format("programs may not run from {}", facts.mounted_on),
                "it is mounted with noexec", "mount it without noexec");
  if (facts.swap.count > 0)
    found.warn("swap", "swap is on", fmt::format("{} MiB of it", facts.swap.mib()),
               "swapoff -a, and remove it from /etc/fstab");
}

bool is_local(const std::string& name_server) {
  return name_server.substr(0, 4) == "127." || name_server == "::1" ||
         name_server.substr(0, 8) == "169.254." || name_server.substr(0, 4) == "fe80";
}

void check_network(const HostFacts& facts, Findings& found) {
  if (!facts.default_route)
    found.fatal("no-default-route", "there is no default route", "ip -4 route show default",
                "set network.gateway; one that leads nowhere will do");
  const auto all_local = [](const std::vector<std::string>& servers) {
    return std::all_of(servers.begin(), servers.end(), is_local);
  };
  if (all_local(facts.name_servers) && all_local(facts.upstream_name_servers))
    found.warn("name-servers", "pods would have no name server of ours but 8.8.8.8",
               facts.name_servers.empty() ? "/etc/resolv.conf names none"
                                          : "/etc/resolv.conf names only " + join(facts.name_servers, ", "),
               "set network.dns to one that other machines can reach");
}

bool has(const std::vector<std::string>& list, const char* what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

void check_neighbours(const HostFacts& facts, const model::Cluster& cluster, Findings& found) {
  if (!facts.started && !facts.leftovers.empty())
    found.fatal("leftovers", "another Kubernetes is or was here", join(facts.leftovers, ", "),
                "uninstall it, or make the machine anew");
  if (has(facts.active, "kubelet"))
    found.fatal("kubelet", "another kubelet runs", "unit kubelet is active",
                "systemctl disable --now kubelet");
  if (has(facts.active, "firewalld"))
    found.fatal("firewall", "firewalld runs, which breaks the pods' network", "unit firewalld is active",
                "systemctl disable --now firewalld");
  if (has(facts.active, "ufw"))
    found.warn("firewall", "ufw is on; the cluster's ports may be closed", "/etc/ufw/ufw.conf: ENABLED=yes",
               "ufw disable, or allow the ports of docs.rke2.io/install/requirements");
  if (has(facts.active, "nm-cloud-setup.timer"))
    found.fatal("nm-cloud-setup", "nm-cloud-setup changes the routes of pods",
                "unit nm-cloud-setup.timer is active", "systemctl disable --now nm-cloud-setup.timer");
  if (has(facts.active, "NetworkManager") && !has(facts.active, "nm-knows-pods") && cluster.cni != "none")
    found.warn("network-manager", "NetworkManager may take the pods' interfaces for its own",
               "no file of /etc/NetworkManager/conf.d keeps it off",
               "unmanaged-devices=interface-name:cali*;interface-name:flannel* in a file there");
}

std::string seconds(milliseconds duration) {
  return fmt::format("{:.1f} s", static_cast<double>(duration.count()) / 1000.0);
}

void check_names(const std::vector<HostFacts>& all, std::vector<Problem>& problems) {
  std::map<std::string, std::vector<std::string>> machines;
  for (const auto& facts : all) machines[to_lower(facts.hostname)].push_back(facts.machine);
  for (const auto& [name, having] : machines)
    if (having.size() > 1)
      problems.push_back({"", "same-hostname",
                          fmt::format("{} machines are called '{}'", having.size(), name), join(having, ", "),
                          "let cloud-init name them, or hostnamectl set-hostname", false});
}

/// etcd complains from 1 s on (server/etcdserver, "clock difference"); certificates made by the machine that
/// is ahead are not valid yet for the one that is behind.
void check_clocks(const std::vector<HostFacts>& all, std::vector<Problem>& problems) {
  constexpr milliseconds kBearable{2000};
  constexpr milliseconds kFatal{30000};
  if (all.size() < 2) return;
  const auto earlier = [](const HostFacts& a, const HostFacts& b) { return a.clock_offset < b.clock_offset; };
  const auto [behind, ahead] = std::minmax_element(all.begin(), all.end(), earlier);
  const auto apart = ahead->clock_offset - behind->clock_offset;
  const auto surely = apart - ahead->clock_error - behind->clock_error;
  if (surely <= kBearable) return;
  const auto synchronized = [](const HostFacts& facts) {
    return facts.clock_synchronized.value_or(true) ? "" : " (not synchronized)";
  };
  problems.push_back({"", "clocks-apart", fmt::format("clocks are {} apart", seconds(apart)),
                      fmt::format("'{}'{} is behind '{}'{}", behind->machine, synchronized(*behind),
                                  ahead->machine, synchronized(*ahead)),
                      "timedatectl set-ntp true on both, and look at what they synchronize with",
                      surely > kFatal});
}

}  // namespace

std::vector<Problem> check_host(const HostFacts& facts, const model::Machine& machine,
                                const model::Cluster& cluster) {
  Findings found(facts.machine.empty() ? machine.name : facts.machine);
  check_system(facts, cluster, found);
  check_ports(facts, traits_of(cluster.distribution), machine.role, found);
  check_room(facts, cluster, machine.role, found);
  check_network(facts, found);
  check_neighbours(facts, cluster, found);
  return found.take();
}

std::vector<Problem> check_hosts_together(const std::vector<HostFacts>& all) {
  std::vector<Problem> problems;
  check_names(all, problems);
  check_clocks(all, problems);
  return problems;
}

bool has_fatal(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const Problem& problem) { return problem.fatal; });
}

std::string render(const std::vector<Problem>& problems) {
  auto sorted = problems;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Problem& a, const Problem& b) { return a.fatal && !b.fatal; });
  std::string out;
  for (const auto& problem : sorted)
    out += fmt::format("{}{}{}{} ({})\n  fix: {}\n", problem.fatal ? "" : "warning: ", problem.machine,
                       problem.machine.empty() ? "" : ": ", problem.what, problem.evidence, problem.fix);
  return out;
}

}  // namespace hlid::cluster
