// What the machines stand on: nodes, storages and the bridge. On the embedded node what lacks is made; on a
// real Proxmox VE hlid never touches the host, it says what somebody must do.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "plan/draft.h"

namespace hlid::plan {
namespace {

using model::Disruption;

std::string node_names(const model::Observed& there) {
  std::vector<std::string> names;
  for (const auto& node : there.nodes) names.push_back(node.name);
  return join(names, ", ");
}

void check_node(Draft& draft, const std::string& name) {
  const auto* node = draft.index.node(name);
  if (node == nullptr) {
    draft.refuse("node-missing", name, fmt::format("the hypervisor has no node '{}'", name),
                 fmt::format("its nodes: {}", node_names(draft.there)));
  } else if (!node->online) {
    draft.refuse("node-offline", name, fmt::format("node '{}' is offline", name),
                 "start it, or take it out of proxmox.node");
  }
}

bool holds(const model::ObservedStorage& storage, const std::string& content) {
  return std::find(storage.content.begin(), storage.content.end(), content) != storage.content.end();
}

/// A storage that is there must be usable for `contents`.
void check_storage(Draft& draft, const std::string& node, const model::ObservedStorage& storage,
                   const std::vector<std::string>& contents) {
  if (!storage.active) {
    draft.refuse("storage-inactive", storage.id,
                 fmt::format("storage '{}' is not active on '{}'", storage.id, node),
                 "see what its status says: pvesm status");
    return;
  }
  std::vector<std::string> lacking;
  for (const auto& content : contents)
    if (!holds(storage, content)) lacking.push_back(content);
  if (lacking.empty()) return;
  auto all = storage.content;
  all.insert(all.end(), lacking.begin(), lacking.end());
  draft.refuse("storage-content", storage.id,
               fmt::format("storage '{}' on '{}' may not hold {}", storage.id, node, join(lacking, ", ")),
               fmt::format("pvesm set {} --content {}", storage.id, join(all, ",")));
}

std::optional<std::size_t> create_storage(Draft& draft, const std::string& id,
                                          const std::vector<std::string>& contents) {
  const auto& node = draft.first_node();
  auto step = make_step(StepKind::create_storage, id, {}, node, Disruption::none,
                        {fmt::format("'{}' does not exist on '{}'", id, node)});
  step.details = {{"type", "dir"}, {"content", join(contents, ",")}};
  return draft.add(std::move(step));
}

std::optional<std::size_t> plan_storage(Draft& draft, const std::string& id,
                                        const std::vector<std::string>& contents) {
  for (const auto& node : draft.wanted.proxmox.nodes) {
    if (draft.index.node(node) == nullptr) continue;
    const auto* storage = draft.index.storage(node, id);
    if (storage != nullptr) {
      check_storage(draft, node, *storage, contents);
    } else if (draft.there.embedded) {
      return create_storage(draft, id, contents);
    } else {
      draft.refuse("storage-missing", id, fmt::format("storage '{}' does not exist on '{}'", id, node),
                   "name one that exists: pvesm status");
    }
  }
  return std::nullopt;
}

/// One storage may serve for both.
void plan_storages(Draft& draft) {
  const auto& proxmox = draft.wanted.proxmox;
  if (proxmox.storage == proxmox.iso_storage) {
    draft.storage_step = draft.iso_storage_step = plan_storage(draft, proxmox.storage, {"images", "import"});
    return;
  }
  draft.storage_step = plan_storage(draft, proxmox.storage, {"images"});
  draft.iso_storage_step = plan_storage(draft, proxmox.iso_storage, {"import"});
}

const model::ObservedBridge* find_bridge(const model::ObservedNode& node, const std::string& name) {
  for (const auto& bridge : node.bridges)
    if (bridge.name == name) return &bridge;
  return nullptr;
}

void plan_own_bridge(Draft& draft) {
  const auto& bridge = draft.wanted.proxmox.bridge;
  const auto& network = draft.wanted.network;
  const auto* node = draft.index.node(draft.first_node());
  if (node == nullptr) return;
  const Cidr address{network.gateway, network.cidr.prefix};
  const auto* found = find_bridge(*node, bridge);
  if (found != nullptr && found->address == address) return;
  std::string reason = fmt::format("bridge '{}' does not exist", bridge);
  if (found != nullptr)
    reason = fmt::format("address {} → {}", found->address ? to_string(*found->address) : "none",
                         to_string(address));
  auto step = make_step(StepKind::set_network, bridge, {}, node->name, Disruption::live, {reason});
  step.details = {{"address", to_string(address)}};
  draft.network_step = draft.add(std::move(step));
}

void check_bridges(Draft& draft) {
  for (const auto& name : draft.wanted.proxmox.nodes) {
    const auto* node = draft.index.node(name);
    if (node == nullptr || node->bridges.empty())
      continue;  // none to be seen: the token may not look at them
    if (find_bridge(*node, draft.wanted.proxmox.bridge) != nullptr) continue;
    draft.refuse("bridge-missing", draft.wanted.proxmox.bridge,
                 fmt::format("node '{}' has no bridge '{}'", name, draft.wanted.proxmox.bridge),
                 "make it in the node's network settings, or name one that exists");
  }
}

/// A clone reaches another node only through a storage that both see.
void check_shared(Draft& draft) {
  const auto& proxmox = draft.wanted.proxmox;
  for (std::size_t i = 1; i < proxmox.nodes.size(); ++i) {
    const auto* storage = draft.index.storage(proxmox.nodes[i], proxmox.storage);
    if (storage == nullptr || storage->shared) continue;
    draft.refuse("storage-not-shared", proxmox.storage,
                 fmt::format("storage '{}' is not shared: '{}' cannot clone the template of '{}'",
                             proxmox.storage, proxmox.nodes[i], proxmox.nodes[0]),
                 "name a shared storage, or one node");
    return;
  }
}

}  // namespace

void plan_host(Draft& draft) {
  for (const auto& node : draft.wanted.proxmox.nodes) check_node(draft, node);
  plan_storages(draft);
  if (draft.there.embedded) {
    plan_own_bridge(draft);
  } else {
    check_bridges(draft);
  }
  check_shared(draft);
}

}  // namespace hlid::plan
