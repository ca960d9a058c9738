#include <algorithm>

#include "base/text.h"
#include "drive/step_scope.h"
#include "pve/network.h"
#include "pve/publish.h"
#include "pve/storage.h"

/// What makes a new embedded node fit for the file. A real Proxmox VE is never changed in these ways; the
/// plan holds such steps for the embedded node only.
namespace hlid::drive {
namespace {

std::vector<std::string> contents_of(const StepScope& scope) {
  auto contents = split_list(scope.detail("content"), ",");
  return contents.empty() ? std::vector<std::string>{"images", "rootdir"} : contents;
}

}  // namespace

void create_storage(const StepScope& scope) {
  const auto& id = scope.step.subject;
  const auto there = pve::storages(scope.session, scope.step.node);
  if (std::any_of(there.begin(), there.end(), [&](const auto& row) { return row.id == id; })) return;
  if (scope.bench.node_storages.empty())
    throw Error(Errc::precondition, "storage '{}' does not exist on {}", id, scope.step.node)
        .with_hint("create it there, or name another one in the file (proxmox.storage)");
  pve::create_dir_storage(scope.session, id, (scope.bench.node_storages / id).string(), contents_of(scope));
}

void set_network(const StepScope& scope) {
  const auto& bridge = scope.step.subject;
  const auto& network = scope.bench.lab.network;
  const Cidr address{network.gateway, network.cidr.prefix};
  const auto there = pve::interfaces(scope.session, scope.step.node);
  const auto found =
      std::find_if(there.begin(), there.end(), [&](const auto& row) { return row.name == bridge; });
  const bool exists = found != there.end();
  if (exists && found->address == address && found->active) return;
  pve::write_bridge(scope.session, scope.step.node, bridge, address, exists);
  pve::apply_network(scope.session, scope.step.node);
}

/// Idempotent: the node replaces all that the lab had.
void publish(const StepScope& scope) {
  pve::publish_ports(scope.session, scope.step.node, scope.bench.lab.name,
                     split_list(scope.detail("ports"), " "));
}

}  // namespace hlid::drive
