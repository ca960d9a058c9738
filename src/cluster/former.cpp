#include "cluster/former.h"

#include <chrono>

#include "cluster/enrol.h"
#include "cluster/erase.h"
#include "cluster/neighbours.h"
#include "cluster/quorum.h"

namespace hlid::cluster {
namespace {

using model::Role;
using std::chrono::seconds;

constexpr seconds kDeadline{900};

/// A machine made anew: what it registered with before is gone from its disk.
bool is_new(const MachineFacts& self, const model::Machine& machine) {
  if (machine.role == Role::server && self.seen.has_datastore) return false;
  return !self.has_password && !self.seen.active;
}

std::optional<Ipv4> address_of(const model::ObservedEtcdMember& member) {
  const auto start = member.peer_url.find("//");
  if (start == std::string::npos) return std::nullopt;
  const auto host = member.peer_url.substr(start + 2);
  return parse_ipv4(host.substr(0, host.find(':')));
}

/// The machine itself has no datastore, so a member at its own address is dead. One at another address may be
/// the machine as it was before its address was changed in the file, or somebody else's.
void require_dead(const Site& site, Guest& through, const model::Machine& machine,
                  const std::vector<model::ObservedEtcdMember>& former) {
  for (const auto& member : former) {
    const auto address = address_of(member);
    if (!address || *address == machine.address.address) continue;
    if (neighbours(site, through, {*address}).empty()) continue;
    throw Error(Errc::conflict,
                "member-name-taken: etcd's member {} lives at {}, so '{}' cannot take its name", member.name,
                to_string(*address), machine.name)
        .with_hint("give the machine another name, or switch off the one at " + to_string(*address));
  }
}

struct Former {
  bool unclear = false;  ///< the API did not answer
  bool node = false;     ///< there is a Node of the name
  std::vector<model::ObservedEtcdMember> members;
  model::ObservedCluster cluster;

  bool known(const MachineFacts& self, const model::Machine& machine) const {
    return !members.empty() || (node && is_new(self, machine));
  }
};

Former look_for(const Site& site, Guest& through, const model::Machine& machine, const View& view) {
  Former former;
  const auto nodes = read_nodes(site, through);
  former.unclear = !nodes;
  if (!nodes) return former;
  former.cluster = merge(view.servers);
  former.cluster.nodes = *nodes;
  former.cluster.answers = true;
  former.node = former.cluster.node(machine.name) != nullptr;
  former.members = former_members(view, machine);
  return former;
}

/// What the cluster knows may have been made by this very machine a moment after it was probed. It writes its
/// password and its member's name on its disk before it registers, so a second look settles it.
bool is_certain(const Site& site, const model::Machine& machine, View& view, Former& former) {
  view.self = probe_machine(site, machine.name);
  if (!view.self.seen.reachable || view.self.seen.has_datastore) return false;
  former.members = former_members(view, machine);
  return former.known(view.self, machine);
}

}  // namespace

View forget_former(const Site& site, const model::Machine& machine, View view) {
  const auto start = site.clock.now();
  while (true) {
    view = wait_for_server(site, machine, std::move(view));
    const auto through = site.fleet.guest(*view.through);
    auto former = look_for(site, *through, machine, view);
    Verdict verdict;
    if (!former.unclear && !former.known(view.self, machine)) return view;
    if (!former.unclear && is_certain(site, machine, view, former)) {
      require_dead(site, *through, machine, former.members);
      if (!former.members.empty()) verdict = may(ServerChange::forget, machine.name, former.cluster);
      if (verdict.allowed()) {
        set_aside(site, *site.fleet.guest(machine.name), machine, "server/db/etcd", "former");
        erase_node(site, *through, machine.name);
        return wait_for_server(site, machine, take_view(site, machine));
      }
    }
    if (site.clock.now() - start >= kDeadline * site.patience) {
      require(verdict, "replace", machine.name);
      throw Error(Errc::timeout, "the API server on '{}' does not answer", through->name())
          .with_hint("hlid status");
    }
    site.phase(verdict.allowed() ? "waiting for the API server" : "waiting: " + verdict.evidence.front());
    if (!site.clock.sleep(seconds(2), site.stop))
      throw Error(Errc::interrupted, "stopped while the old '{}' was forgotten", machine.name);
    view = take_view(site, machine);
  }
}

}  // namespace hlid::cluster
