#include "cluster/strangers.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "cluster/probe.h"

namespace hlid::cluster {
namespace {

bool is_in(const model::Homelab& lab, const std::string& name) {
  return std::any_of(lab.machines.begin(), lab.machines.end(),
                     [&](const auto& machine) { return machine.name == name; });
}

model::Machine stranger(const std::string& name, model::Role role) {
  model::Machine machine;
  machine.name = name;
  machine.role = role;
  return machine;
}

/// Most servers are there: what is missing is only their agreement.
bool should_answer(const Site& site, const model::ObservedCluster& observed) {
  const auto servers = site.servers();
  const auto running = std::count_if(servers.begin(), servers.end(), [&](const auto* server) {
    const auto* seen = observed.machine(server->name);
    return seen && seen->active && seen->has_datastore;
  });
  return running > static_cast<std::ptrdiff_t>(servers.size()) / 2;
}

model::ObservedCluster observe_after_election(const Site& site) {
  const auto deadline = site.clock.now() + std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::seconds(30) * site.patience);
  for (;;) {
    auto observed = observe(site);
    if (observed.answers || !should_answer(site, observed) || site.clock.now() >= deadline) return observed;
    site.phase("waiting for the servers to agree on a leader");
    if (!site.clock.sleep(std::chrono::seconds(2), site.stop)) throw Error(Errc::interrupted, "stopped");
  }
}

}  // namespace

model::ObservedCluster observe_with_strangers(const Site& site) {
  auto observed = observe_after_election(site);
  auto lab = site.lab;
  for (const auto& member : observed.members)
    if (!is_in(lab, member.node)) lab.machines.push_back(stranger(member.node, model::Role::server));
  for (const auto& node : observed.nodes)
    if (!is_in(lab, node.name)) lab.machines.push_back(stranger(node.name, model::Role::agent));
  if (lab.machines.size() == site.lab.machines.size()) return observed;
  return observe(
      {lab, site.fleet, site.clock, site.random, site.phase, site.stop, site.patience, site.at_once});
}

}  // namespace hlid::cluster
