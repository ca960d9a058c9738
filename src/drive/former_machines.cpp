#include "drive/former_machines.h"

#include <algorithm>
#include <set>

#include "pve/cluster.h"

namespace hlid::drive {
namespace {

model::Machine as_machine(const model::ObservedMachine& there) {
  model::Machine machine;
  machine.name = there.name;
  machine.role = model::Role::server;
  machine.vmid = there.vmid;
  machine.node = there.node;
  machine.address = there.address.value_or(Cidr{});
  return machine;
}

model::Role role_in(const model::ObservedCluster& cluster, const std::string& name) {
  const auto* inside = cluster.machine(name);
  if (cluster.member_of(name) != nullptr || (inside != nullptr && inside->has_datastore))
    return model::Role::server;
  if (inside != nullptr && inside->unit != model::Role::plain) return inside->unit;
  return cluster.node(name) != nullptr ? model::Role::agent : model::Role::plain;
}

}  // namespace

std::vector<model::Machine> former_machines(const model::Homelab& lab, const model::Observed& there) {
  std::set<std::string> named{lab.image.name};
  for (const auto& machine : lab.machines) named.insert(machine.name);
  std::vector<model::Machine> former;
  for (const auto& machine : there.machines)
    if (!machine.is_template && !named.contains(machine.name) && model::is_owned(machine, lab.name))
      former.push_back(as_machine(machine));
  return former;
}

std::vector<model::Machine> former_members(std::vector<model::Machine> former,
                                           const model::ObservedCluster& cluster) {
  for (auto& machine : former) machine.role = role_in(cluster, machine.name);
  std::erase_if(former, [](const auto& machine) { return machine.role == model::Role::plain; });
  return former;
}

std::vector<model::Machine> still_there(const pve::Session& session, std::vector<model::Machine> former) {
  if (former.empty()) return former;
  std::set<std::string> there;
  for (const auto& guest : pve::resources(session, "vm")) there.insert(guest.name);
  std::erase_if(former, [&](const auto& machine) { return !there.contains(machine.name); });
  return former;
}

model::Homelab with_former(model::Homelab lab, const std::vector<model::Machine>& former) {
  lab.machines.insert(lab.machines.end(), former.begin(), former.end());
  return lab;
}

}  // namespace hlid::drive
