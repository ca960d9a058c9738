#include "drive/observer.h"

#include <algorithm>
#include <functional>

#include "drive/machine_config.h"
#include "pve/cluster.h"
#include "pve/network.h"
#include "pve/nodes.h"
#include "pve/publish.h"
#include "pve/storage.h"
#include "pve/version.h"
#include "pve/vms.h"
#include "sys/parallel.h"
#include "wire/api_error.h"

namespace hlid::drive {
namespace {

constexpr std::size_t kConnections = 8;

void read_storages(const pve::Session& session, model::ObservedNode& node) {
  for (auto& row : pve::storages(session, node.name))
    node.storages.push_back(
        {row.id, row.type, std::move(row.content), row.active, row.shared, row.total, row.available});
}

/// A token that may manage machines need not see the network (Sys.Audit): then bridges stay unknown.
void read_bridges(const pve::Session& session, model::ObservedNode& node) {
  try {
    for (auto& interface : pve::interfaces(session, node.name))
      if (interface.type.ends_with("ridge")) node.bridges.push_back({interface.name, interface.address});
  } catch (const wire::ApiError& error) {
    if (error.status() != 403) throw;
  }
}

model::ObservedPublish read_published(pve::PublishedPort& port) {
  model::ObservedPublish out;
  for (const auto& backend : port.backends) out.answering += backend.health == "up" ? 1 : 0;
  out.lab = std::move(port.lab);
  out.listen = port.listen;
  out.port = port.port;
  out.to = std::move(port.to);
  out.active = port.active;
  out.error = std::move(port.error);
  out.connections = port.connections;
  return out;
}

/// A node from before there were any answers 501; who may not see them sees none.
void read_published(const pve::Session& session, const std::string& node, model::Observed& there) {
  try {
    for (auto& port : pve::published_ports(session, node)) there.published.push_back(read_published(port));
  } catch (const wire::ApiError& error) {
    if (error.status() != 501 && error.status() != 403) throw;
  }
}

model::ObservedNode read_node(const pve::Node& row) {
  model::ObservedNode node;
  node.name = row.name;
  node.online = row.online;
  node.cpus = row.cpus;
  node.memory_total = row.memory;
  node.memory_free = {std::max<std::int64_t>(0, row.memory.count - row.memory_used.count)};
  return node;
}

model::Power power_of(const pve::VmStatus& status) {
  if (status.qmp_status == "paused") return model::Power::paused;
  if (status.status == "running") return model::Power::running;
  if (status.status == "stopped") return model::Power::stopped;
  return model::Power::unknown;
}

}  // namespace

bool PveObserver::concerns_us(const model::ObservedMachine& machine) const {
  const auto has_tag = [&](const std::string& tag) {
    return std::find(machine.tags.begin(), machine.tags.end(), tag) != machine.tags.end();
  };
  if (machine.vmid == lab_.image.vmid || (has_tag("hlid") && has_tag(lab_.name))) return true;
  return std::any_of(lab_.machines.begin(), lab_.machines.end(),
                     [&](const auto& wanted) { return wanted.vmid == machine.vmid; });
}

/// /cluster/resources of a Proxmox VE is up to ten seconds old, so the power is asked of the machine itself.
void PveObserver::complete(const pve::Session& session, bool embedded,
                           model::ObservedMachine& machine) const {
  const pve::VmRef vm{machine.node, machine.vmid};
  const auto config = pve::find_config(session, vm);
  if (!config) return;
  read_config(*config, machine);
  const bool ask =
      !embedded || machine.power == model::Power::unknown || machine.power == model::Power::running;
  if (ask && !machine.is_template) machine.power = power_of(pve::vm_status(session, vm));
  if (machine.power != model::Power::running) return;
  for (const auto& change : pve::pending_changes(session, vm)) machine.pending.push_back(change.key);
}

model::Observed PveObserver::observe(std::stop_token stop) {
  const auto session = session_.with(std::move(stop));
  model::Observed there;
  pve::Version version;
  std::vector<pve::Node> nodes;
  std::vector<pve::Resource> guests;
  const std::vector<std::function<void()>> first{[&] { version = pve::version(session); },
                                                 [&] { nodes = pve::nodes(session); },
                                                 [&] { guests = pve::resources(session, "vm"); }};
  sys::in_parallel(first.size(), kConnections, [&](std::size_t i) { first[i](); });
  there.version = version.version;
  there.embedded = version.embedded();
  for (const auto& node : nodes) there.nodes.push_back(read_node(node));

  std::vector<std::function<void()>> rest;
  for (auto& node : there.nodes) {
    if (!node.online) continue;
    rest.emplace_back([&] { read_storages(session, node); });
    rest.emplace_back([&] { read_bridges(session, node); });
  }
  if (there.embedded && there.nodes.size() == 1)
    rest.emplace_back([&] { read_published(session, there.nodes.front().name, there); });
  for (const auto& guest : guests) there.machines.push_back(read_resource(guest));
  for (std::size_t i = 0; i < guests.size(); ++i)
    if (guests[i].type == "qemu" && concerns_us(there.machines[i]))
      rest.emplace_back([&, i] { complete(session, there.embedded, there.machines[i]); });
  sys::in_parallel(rest.size(), kConnections, [&](std::size_t i) { rest[i](); });

  std::sort(there.machines.begin(), there.machines.end(),
            [](const auto& a, const auto& b) { return a.vmid < b.vmid; });
  return there;
}

}  // namespace hlid::drive
