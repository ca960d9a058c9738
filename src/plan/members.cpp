#include "plan/members.h"

#include <algorithm>

#include <fmt/format.h>

#include "plan/draft.h"

namespace hlid::plan {
namespace {

/// Machines of ours that are, or may be, servers: of the file by its role, of others by their unit.
std::vector<std::string> existing_servers(const model::Homelab& wanted, const model::Observed& there) {
  std::vector<std::string> names;
  for (const auto& machine : there.machines) {
    if (machine.is_template || !is_ours(machine, wanted.name)) continue;
    const auto found = std::find_if(wanted.machines.begin(), wanted.machines.end(),
                                    [&](const auto& one) { return one.name == machine.name; });
    const auto* inside = there.cluster ? there.cluster->machine(machine.name) : nullptr;
    const bool by_file = found != wanted.machines.end() && found->role == model::Role::server;
    const bool by_unit = inside != nullptr && inside->unit == model::Role::server;
    if (by_file || by_unit) names.push_back(machine.name);
  }
  return names;
}

/// Half made ones hold nothing yet; any other machine with a role might.
bool some_machine_exists(const model::Homelab& wanted, const model::Observed& there) {
  return std::any_of(there.machines.begin(), there.machines.end(), [&](const auto& machine) {
    const bool wanted_so = std::any_of(wanted.machines.begin(), wanted.machines.end(), [&](const auto& one) {
      return one.name == machine.name && one.role != model::Role::plain;
    });
    return wanted_so && !machine.is_template && model::is_owned(machine, wanted.name);
  });
}

}  // namespace

Members::Members(const model::Homelab& wanted, const model::Observed& there)
    : cluster_(there.cluster ? &*there.cluster : nullptr) {
  if (wanted.cluster) formation_ = judge(wanted, there);
}

Formation Members::judge(const model::Homelab& wanted, const model::Observed& there) const {
  if (cluster_ == nullptr) return some_machine_exists(wanted, there) ? Formation::unseen : Formation::never;
  if (cluster_->answers) return Formation::answers;
  const auto& machines = cluster_->machines;
  if (std::any_of(machines.begin(), machines.end(), [](const auto& one) { return one.has_datastore; }))
    return Formation::silent;
  const auto servers = existing_servers(wanted, there);
  const bool all_seen =
      std::all_of(servers.begin(), servers.end(), [&](const auto& name) { return reachable(name); });
  return all_seen ? Formation::never : Formation::unseen;
}

const model::ObservedClusterMachine* Members::inside(const std::string& name) const {
  return cluster_ == nullptr ? nullptr : cluster_->machine(name);
}

const model::ObservedNodeObject* Members::node(const std::string& name) const {
  return answers() ? cluster_->node(name) : nullptr;
}

const model::ObservedEtcdMember* Members::member(const std::string& name) const {
  return answers() ? cluster_->member_of(name) : nullptr;
}

bool Members::reachable(const std::string& name) const {
  const auto* machine = inside(name);
  return machine != nullptr && machine->reachable;
}

bool Members::has_datastore(const std::string& name) const {
  const auto* machine = inside(name);
  return machine != nullptr && machine->has_datastore;
}

bool Members::is_bare(const std::string& name) const {
  const auto* machine = inside(name);
  return machine != nullptr && machine->reachable && machine->installed.empty();
}

bool Members::knows(const std::string& name) const {
  if (node(name) != nullptr || member(name) != nullptr) return true;
  const auto* machine = inside(name);
  return machine != nullptr && (machine->unit != model::Role::plain || machine->has_datastore);
}

bool Members::is_server(const std::string& name) const {
  const auto* machine = inside(name);
  return member(name) != nullptr ||
         (machine != nullptr && (machine->unit == model::Role::server || machine->has_datastore));
}

std::optional<std::string> Members::ailment(const std::string& name, bool as_server) const {
  const auto* node = this->node(name);
  if (node == nullptr) return "is not a member";
  if (as_server) {
    const auto* member = this->member(name);
    if (member == nullptr) return "etcd does not count it";
    if (member->voting != model::Voting::voter) return "does not vote in etcd yet";
  }
  const auto* machine = inside(name);
  if (machine != nullptr && !machine->running) return "its machine does not run";
  if (machine != nullptr && machine->reachable && !machine->active)
    return machine->unit_state.empty() ? "its service does not run"
                                       : fmt::format("its service is {}", machine->unit_state);
  if (as_server && machine != nullptr && machine->reachable && !machine->supervisor)
    return "its supervisor is not ready";
  if (!node->ready)
    return node->not_ready_because.empty()
               ? "its node is not ready"
               : fmt::format("its node is not ready: {}", node->not_ready_because);
  return std::nullopt;
}

std::string Members::version(const std::string& name) const {
  const auto* node = this->node(name);
  if (node != nullptr && !node->version.empty()) return node->version;
  const auto* machine = inside(name);
  return machine == nullptr ? std::string() : machine->running_version;
}

bool Members::leads(const std::string& name) const {
  const auto* member = this->member(name);
  return member != nullptr && member->leader;
}

std::vector<std::string> Members::counted() const {
  std::vector<std::string> names;
  if (answers())
    for (const auto& member : cluster_->members) names.push_back(member.node);
  return names;
}

}  // namespace hlid::plan
