#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "cluster/guest.h"
#include "model/homelab.h"
#include "sys/clock.h"

/// What would make the first start of the distribution fail, found before it (docs.rke2.io/install/
/// requirements, known_issues).
namespace hlid::cluster {

struct Problem {
  std::string machine;   ///< empty: of several together
  std::string code;      ///< "port-in-use": stable, for programs
  std::string what;      ///< "port 2379 is in use"
  std::string evidence;  ///< what was seen: "etcd (pid 812) listens on 127.0.0.1:2379"
  std::string fix;       ///< one thing to do
  bool fatal = true;     ///< else a warning: it may work
};

struct ListeningPort {
  std::string address;
  int port = 0;
  std::string process;  ///< as ss(8) names it; may be empty
};

/// What one machine says of itself.
struct HostFacts {
  std::string machine;
  std::string hostname, architecture, kernel;
  bool systemd = false, cgroup2 = false;
  bool started = false;                   ///< the distribution ran here before: what it left is its own
  std::set<std::string> missing_modules;  ///< neither built in nor loadable
  std::vector<ListeningPort> listening;   ///< TCP
  int cores = 0;
  Bytes memory, swap;
  Bytes free;  ///< on the file system of /var/lib/rancher
  std::string mounted_on;
  bool noexec = false;  ///< that file system
  bool default_route = false;
  std::vector<std::string> name_servers;  ///< of /etc/resolv.conf
  std::vector<std::string>
      upstream_name_servers;           ///< of systemd-resolved, which the distribution falls back to
  std::vector<std::string> leftovers;  ///< paths of another Kubernetes
  std::vector<std::string> active;     ///< of what is in the way: "firewalld", "ufw", "NetworkManager", …
  std::optional<bool> clock_synchronized;  ///< nullopt: nothing says so either way
  /// Its clock minus ours when it was asked, and how far off that may be.
  std::chrono::milliseconds clock_offset{0}, clock_error{0};
};

/// One call. Throws as Guest does; protocol when the report is cut short.
HostFacts look_at_host(Guest& guest, sys::Clock& clock, const std::string& distribution);
/// The script's report. `machine` and the clock's offset are the caller's. Throws Error(protocol).
HostFacts parse_host_report(std::string_view report);
/// For tests that run it without a machine.
std::string_view host_report_script();

/// What is wrong with one machine that shall start the distribution for the first time.
std::vector<Problem> check_host(const HostFacts& facts, const model::Machine& machine,
                                const model::Cluster& cluster);
/// What is wrong between machines: host names that are not unique, clocks apart.
std::vector<Problem> check_hosts_together(const std::vector<HostFacts>& all);

bool has_fatal(const std::vector<Problem>& problems);
/// Several problems as one text, fatal ones first: "valaskjalf-master-1: port 2379 is in use (…)\n  fix: …".
std::string render(const std::vector<Problem>& problems);

}  // namespace hlid::cluster
