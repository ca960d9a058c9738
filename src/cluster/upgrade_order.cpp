#include <algorithm>

#include <fmt/format.h>

#include "cluster/cordon.h"
#include "cluster/rolling.h"
#include "cluster/upgrade.h"
#include "cluster/version.h"

namespace hlid::cluster {
namespace {

using model::ObservedCluster;

bool is_server(const ObservedCluster& observed, const std::string& node) {
  const auto* machine = observed.machine(node);
  return observed.member_of(node) || (machine && machine->unit == model::Role::server);
}

/// What is known to run somewhere, by name. Machines without anything installed are none.
std::vector<std::string> everybody(const ObservedCluster& observed) {
  std::vector<std::string> names;
  for (const auto& node : observed.nodes) names.push_back(node.name);
  for (const auto& machine : observed.machines)
    if (!observed.node(machine.machine) && !version_of(observed, machine.machine).empty())
      names.push_back(machine.machine);
  return names;
}

bool is_parked(const ObservedCluster& observed, const std::string& name) {
  const auto* node = observed.node(name);
  return node && node->labels.count(kParkedLabel) > 0;
}

/// Whether `machine` has joined and is not yet done with going to `wanted`.
bool is_left(const ObservedCluster& observed, const std::string& machine, const std::string& wanted) {
  return observed.node(machine) && (version_of(observed, machine) != wanted || is_parked(observed, machine));
}

std::vector<std::string> left_of(const model::Homelab& lab, const ObservedCluster& observed, model::Role role,
                                 const std::string& wanted) {
  // A server that came to `wanted` and is not ready yet is waited for before the next: it counts when any
  // does.
  const bool any = std::any_of(lab.machines.begin(), lab.machines.end(),
                               [&](const auto& one) { return is_left(observed, one.name, wanted); });
  std::vector<std::string> names;
  for (const auto& machine : lab.machines) {
    if (machine.role != role || !observed.node(machine.name)) continue;
    const bool waited_for = any && role == model::Role::server && !is_ready(observed, machine.name);
    if (waited_for || is_left(observed, machine.name, wanted)) names.push_back(machine.name);
  }
  return one_after_the_other(observed, names);
}

}  // namespace

std::string version_of(const ObservedCluster& observed, const std::string& machine) {
  if (const auto* node = observed.node(machine); node && !node->version.empty()) return node->version;
  const auto* seen = observed.machine(machine);
  return seen ? seen->running_version : "";
}

Verdict may_upgrade(const ObservedCluster& observed, const std::string& wanted) {
  const std::string fix = "a release is called v1.34.1+rke2r1; hlid cluster status shows what runs";
  const auto target = Version::parse(wanted);
  if (!target) return {{fmt::format("'{}' is no release", wanted)}, fix};
  std::vector<Version> servers, agents;
  for (const auto& name : everybody(observed)) {
    const auto text = version_of(observed, name);
    const auto version = Version::parse(text);
    if (!version) return {{fmt::format("'{}' runs '{}', which is no release", name, text)}, fix};
    (is_server(observed, name) ? servers : agents).push_back(*version);
  }
  const auto refusal = upgrade_refusal(servers, agents, *target);
  if (!refusal) return {};
  return {{*refusal}, "write a version that can be reached from what runs into cluster.version"};
}

std::vector<UpgradeStep> upgrade_order(const model::Homelab& lab, const ObservedCluster& observed,
                                       const std::string& wanted) {
  std::vector<UpgradeStep> steps;
  const auto servers = left_of(lab, observed, model::Role::server, wanted);
  if (std::any_of(servers.begin(), servers.end(),
                  [&](const auto& name) { return version_of(observed, name) != wanted; }))
    steps.push_back({UpgradeStep::Kind::snapshot, {}});
  for (const auto& name : servers) steps.push_back({UpgradeStep::Kind::servers, {name}});
  const auto agents = left_of(lab, observed, model::Role::agent, wanted);
  for (auto& batch : in_batches(agents, lab.cluster ? lab.cluster->max_unavailable : 1))
    steps.push_back({UpgradeStep::Kind::agents, std::move(batch)});
  return steps;
}

}  // namespace hlid::cluster
