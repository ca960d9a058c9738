// cluster/resources, nodes/N/qemu and nextid.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "node/auth/permissions.h"
#include "node/service/callers.h"
#include "node/service/resources.h"
#include "node/service/verbs.h"
#include "node/storage/storages.h"
#include "node/vm/machines.h"

namespace hlid::node::service {
namespace {

json::object sdn_row(const Parts& parts) {
  return {{"id", fmt::format("sdn/{}/localnetwork", parts.node)},
          {"type", "sdn"},
          {"sdn", "localnetwork"},
          {"node", parts.node},
          {"status", "ok"}};
}

/// Without Sys.Audit a caller sees of a node only that it is there.
json::object bare(const json::object& node) {
  json::object row;
  for (const char* key : {"id", "type", "node", "status", "level", "cgroup-mode"}) row[key] = node.at(key);
  return row;
}

void append(std::string& list, std::string_view row) {
  if (list.size() > 1) list += ',';
  list += row;
}

/// Which pool each machine is in; empty nearly always.
std::map<std::string, std::string> pools_of_machines(const Parts& parts) {
  std::map<std::string, std::string> result;
  for (const auto& [id, pool] : parts.permissions.pools()) {
    for (const std::string& vm : pool.vms) result[vm] = id;
  }
  return result;
}

/// {"id":…} -> {"pool":"lab","id":…}
std::string with_pool(const std::string& row, const std::string& pool) {
  return "{\"pool\":" + to_text(json::value(pool)) + "," + row.substr(1);
}

void append_machines(const Parts& parts, const auth::Identity& who, std::string& list) {
  const MachineRowsPtr rows = parts.resources->machine_rows(parts, ResourceCache::Kind::resources);
  const auto pools = pools_of_machines(parts);
  if (sees_all(who) && pools.empty()) {
    if (rows->all->size() > 2) append(list, std::string_view(*rows->all).substr(1, rows->all->size() - 2));
    return;
  }
  for (const auto& [vmid, row] : rows->rows) {
    if (!may_see_machine(parts, who, vmid)) continue;
    const auto pool = pools.find(to_string(vmid));
    append(list, pool == pools.end() ? row : with_pool(row, pool->second));
  }
}

void append_pools(const Parts& parts, const auth::Identity& who, std::string& list) {
  for (const auto& [id, pool] : parts.permissions.pools()) {
    if (!parts.permissions.has(who, "/pool/" + id, "Pool.Audit")) continue;
    append(list, to_text(json::object{{"id", "/pool/" + id}, {"type", "pool"}, {"pool", id}}));
  }
}

void append_node(const Parts& parts, const auth::Identity& who, std::string& list) {
  json::object row = node_row(parts);
  row["cgroup-mode"] = 2;
  const bool whole = parts.permissions.has(who, "/nodes/" + parts.node, "Sys.Audit");
  append(list, to_text(whole ? row : bare(row)));
}

void append_storages(const Parts& parts, const auth::Identity& who, std::string& list) {
  for (const storage::StoragePtr& storage : parts.storages.all()) {
    if (storage->enabled() && may_see_storage(parts, who, storage->id())) {
      append(list, to_text(storage_row(parts, storage->id())));
    }
  }
}

void append_sdn(const Parts& parts, const auth::Identity& who, std::string& list) {
  if (parts.permissions.has(who, "/sdn/zones/localnetwork", "SDN.Audit"))
    append(list, to_text(sdn_row(parts)));
}

std::string render_resources(const Parts& parts, const auth::Identity& who, const std::string& type) {
  std::string list = "[";
  if (type.empty()) append_pools(parts, who, list);
  if (type.empty() || type == "vm") append_machines(parts, who, list);
  if (type.empty() || type == "node") append_node(parts, who, list);
  if (type.empty() || type == "storage") append_storages(parts, who, list);
  if (type.empty() || type == "sdn") append_sdn(parts, who, list);
  return list + "]";
}

Answer resources(Parts& parts, Call& call) {
  const std::string type = call.params.get_or("type", "");
  if (!sees_all(call.who)) {
    return Answer::ready(std::make_shared<const std::string>(render_resources(parts, call.who, type)));
  }
  return Answer::ready(parts.resources->text(parts, "resources/" + type,
                                             [&] { return render_resources(parts, call.who, type); }));
}

Answer machine_list(Parts& parts, Call& call) {
  const auto kind = call.params.flag("full") ? ResourceCache::Kind::full_list : ResourceCache::Kind::list;
  const MachineRowsPtr rows = parts.resources->machine_rows(parts, kind);
  if (sees_all(call.who)) return Answer::ready(rows->all);
  std::string list = "[";
  for (const auto& [vmid, row] : rows->rows) {
    if (may_see_machine(parts, call.who, vmid)) append(list, row);
  }
  return Answer::ready(std::make_shared<const std::string>(list + "]"));
}

Answer next_id(Parts& parts, Call& call) {
  if (!call.params.has("vmid")) return to_string(parts.machines.next_id());
  const Vmid vmid = vmid_of(call.params);
  if (parts.machines.exists(vmid)) {
    throw wire::parameter_error("vmid", fmt::format("VM {} already exists", vmid.value));
  }
  return to_string(vmid);
}

}  // namespace

std::vector<Verb> resource_verbs() {
  return {{"GET", "/cluster/resources", Pace::quick, for_users(), resources},
          {"GET", "/cluster/nextid", Pace::quick, for_users(), next_id},
          {"GET", "/nodes/{node}/qemu", Pace::quick, for_users(), machine_list}};
}

}  // namespace hlid::node::service
