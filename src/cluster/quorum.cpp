#include "cluster/quorum.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace hlid::cluster {
namespace {

using model::ObservedCluster;
using model::ObservedClusterMachine;
using model::ObservedEtcdMember;

/// What the machine says of itself; empty: nothing wrong, or it is none of the file's.
std::string ill_machine(const ObservedClusterMachine* machine, const std::string& name) {
  if (!machine) return {};
  if (!machine->running) return fmt::format("machine '{}' is off", name);
  if (!machine->reachable) return fmt::format("the guest agent of '{}' does not answer", name);
  if (!machine->active)
    return fmt::format("the service of '{}' does not run ({})", name,
                       machine->unit_state.empty() ? "no unit" : machine->unit_state);
  if (!machine->supervisor) return fmt::format("the supervisor of '{}' is not ready", name);
  return {};
}

std::string ill_node(const ObservedCluster& observed, const std::string& name) {
  const auto* node = observed.node(name);
  if (!node) return fmt::format("etcd has the member '{}', Kubernetes has no such Node", name);
  if (!node->ready)
    return fmt::format("Node '{}' is not ready{}", name,
                       node->not_ready_because.empty() ? "" : " (" + node->not_ready_because + ")");
  return {};
}

/// The first thing that is wrong with a member, from the machine up; empty: it is well.
std::string ill_member(const ObservedCluster& observed, const ObservedEtcdMember& member) {
  if (auto why = ill_machine(observed.machine(member.node), member.node); !why.empty()) return why;
  if (member.voting != model::Voting::voter)
    return fmt::format("'{}' is a learner of etcd, no voter yet", member.node);
  return ill_node(observed, member.node);
}

/// A server of the file that runs without being a member: it is joining, or was removed.
bool strays(const ObservedCluster& observed, const ObservedClusterMachine& machine) {
  return machine.unit == model::Role::server && machine.active && !observed.member_of(machine.machine);
}

bool others_have_data(const ObservedCluster& observed, const std::string& machine) {
  return std::any_of(observed.machines.begin(), observed.machines.end(), [&](const auto& other) {
    return other.machine != machine && (other.has_datastore || other.unit == model::Role::server);
  });
}

int voters_well(const ObservedCluster& observed, const std::string& except) {
  return static_cast<int>(std::count_if(
      observed.members.begin(), observed.members.end(),
      [&](const auto& member) { return member.node != except && ill_member(observed, member).empty(); }));
}

const char* const kSeeStatus = "hlid status shows the first broken link of each; hlid up mends what it can";

Verdict unanswered(ServerChange change, const std::string& machine, const ObservedCluster& observed) {
  // A single server that is down: starting it takes nothing from anybody.
  if (change == ServerChange::restart && !others_have_data(observed, machine)) return {};
  return {{"no server of the cluster answers"},
          "hlid up starts what is down; when two of three are lost for good: hlid cluster restore"};
}

Verdict may_forget(const std::string& machine, const ObservedCluster& observed) {
  const auto* member = observed.member_of(machine);
  if (!member) return {};
  if (member->voting == model::Voting::voter && ill_member(observed, *member).empty())
    return {{fmt::format("'{}' is well: a member that votes, and its Node is ready", machine)},
            "to take it out of the cluster, lower 'count' in the file: it is drained first"};
  const int alive = voters_well(observed, machine);
  const int needed = quorum(observed.voters());
  if (alive >= needed) return {};
  auto evidence = ill_servers(observed, machine);
  evidence.push_back(
      fmt::format("{} of {} voters are well, {} are needed", alive, observed.voters(), needed));
  return {evidence, "hlid cluster restore makes a new quorum from one server's data or a snapshot"};
}

Verdict may_remove(const std::string& machine, const ObservedCluster& observed) {
  const auto* member = observed.member_of(machine);
  if (!member) return {};
  if (observed.members.size() == 1)
    return {{fmt::format("'{}' is the only server: with it goes all that etcd holds", machine)},
            "hlid destroy ends the whole lab"};
  return {ill_servers(observed, machine), kSeeStatus};
}

Verdict may_restart(const std::string& machine, const ObservedCluster& observed) {
  if (observed.member_of(machine) && observed.members.size() == 2)
    return {{"etcd has two members, both are needed for its quorum"},
            "make the servers three, or one, before this"};
  return {ill_servers(observed, machine), kSeeStatus};
}

Verdict judge(ServerChange change, const std::string& machine, const ObservedCluster& observed) {
  if (!observed.answers) return unanswered(change, machine, observed);
  switch (change) {
    case ServerChange::restart:
      return may_restart(machine, observed);
    case ServerChange::remove:
      return may_remove(machine, observed);
    case ServerChange::forget:
      return may_forget(machine, observed);
    case ServerChange::add:
      return {ill_servers(observed, machine), kSeeStatus};
  }
  return {};
}

}  // namespace

int quorum(int members) {
  return members > 0 ? members / 2 + 1 : 0;
}

std::vector<std::string> ill_servers(const ObservedCluster& observed, const std::string& except) {
  if (!observed.answers) return {"no server of the cluster answers"};
  std::vector<std::string> ill;
  for (const auto& member : observed.members) {
    if (member.node == except) continue;
    if (auto why = ill_member(observed, member); !why.empty()) ill.push_back(why);
  }
  for (const auto& machine : observed.machines)
    if (machine.machine != except && strays(observed, machine))
      ill.push_back(fmt::format("server '{}' runs without being a member of etcd", machine.machine));
  return ill;
}

Verdict may(ServerChange change, const std::string& machine, const ObservedCluster& observed) {
  auto verdict = judge(change, machine, observed);
  if (verdict.allowed()) verdict.fix.clear();
  return verdict;
}

void require(const Verdict& verdict, const std::string& doing, const std::string& machine) {
  if (verdict.allowed()) return;
  throw Error(Errc::precondition, "cannot {} '{}': {}", doing, machine, join(verdict.evidence, "; "))
      .with_hint(verdict.fix);
}

}  // namespace hlid::cluster
