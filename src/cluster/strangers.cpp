#include "cluster/strangers.h"

#include <algorithm>

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

}  // namespace

model::ObservedCluster observe_with_strangers(const Site& site) {
  auto observed = observe(site);
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
