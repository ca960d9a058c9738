// Pools: machines and storages that share their access lists.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "node/auth/permissions.h"
#include "node/auth/users.h"
#include "node/service/resources.h"
#include "node/service/verbs.h"
#include "node/storage/storages.h"
#include "node/vm/machines.h"

namespace hlid::node::service {
namespace {

json::array members_of(const Parts& parts, const config::PoolEntry& pool, const std::string& type) {
  json::array members;
  for (const std::string& vm : pool.vms) {
    const auto vmid = parse_vmid(vm);
    if (type == "storage" || type == "lxc" || !vmid || !parts.machines.exists(*vmid)) continue;
    json::object row = parts.machines.resource_row(*vmid);
    row.erase("tags");
    members.push_back(std::move(row));
  }
  for (const std::string& id : pool.storages) {
    if ((type.empty() || type == "storage") && parts.storages.find_if_exists(id) != nullptr) {
      members.push_back(storage_row(parts, id));
    }
  }
  return members;
}

config::PoolEntry require_pool(const Parts& parts, const std::string& id) {
  const auto pools = parts.permissions.pools();
  const auto found = pools.find(id);
  if (found == pools.end()) throw wire::failure(fmt::format("pool '{}' does not exist", id));
  return found->second;
}

json::object describe(const std::string& id, const config::PoolEntry& pool) {
  json::object row{{"poolid", id}};
  if (!pool.comment.empty()) row["comment"] = pool.comment;
  return row;
}

Answer list(Parts& parts, Call& call) {
  if (const auto id = call.params.get("poolid")) {
    const config::PoolEntry pool = require_pool(parts, *id);
    parts.permissions.require(call.who, "/pool/" + *id, {"Pool.Audit"});
    json::object row = describe(*id, pool);
    row["members"] = members_of(parts, pool, call.params.get_or("type", ""));
    json::array rows;
    rows.push_back(std::move(row));
    return rows;
  }
  json::array rows;
  for (const auto& [id, pool] : parts.permissions.pools()) {
    if (parts.permissions.has(call.who, "/pool/" + id, "Pool.Audit")) rows.push_back(describe(id, pool));
  }
  return rows;
}

Answer show(Parts& parts, Call& call) {
  const std::string id = call.params.get_or("poolid", "");
  const config::PoolEntry pool = require_pool(parts, id);
  json::object row = describe(id, pool);
  row["members"] = members_of(parts, pool, call.params.get_or("type", ""));
  return row;
}

Answer create(Parts& parts, Call& call) {
  const std::string id = call.params.get_or("poolid", "");
  parts.users.change([&](config::UserCfg& cfg) {
    if (cfg.pools.count(id) != 0)
      throw wire::failure(fmt::format("create pool failed: pool '{}' already exists", id));
    cfg.pools[id].comment = call.params.get_or("comment", "");
  });
  return nullptr;
}

void change_members(const Parts& parts, const Params& params, const std::string& id, config::UserCfg& cfg) {
  config::PoolEntry& pool = cfg.pools.at(id);
  const bool remove = params.flag("delete");
  for (const std::string& vm : params.list("vms")) {
    if (remove) {
      if (pool.vms.erase(vm) == 0)
        throw wire::failure(fmt::format("update pool failed: VM {} is not a pool member", vm));
      continue;
    }
    const auto vmid = parse_vmid(vm);
    if (!vmid || !parts.machines.exists(*vmid))
      throw wire::failure(fmt::format("update pool failed: VM {} does not exist", vm));
    for (auto& [name, other] : cfg.pools) {
      if (name != id && other.vms.count(vm) != 0 && !params.flag("allow-move")) {
        throw wire::failure(fmt::format("update pool failed: VM {} is already a pool member", vm));
      }
      other.vms.erase(vm);
    }
    pool.vms.insert(vm);
  }
  for (const std::string& storage : params.list("storage")) {
    if (remove) {
      pool.storages.erase(storage);
    } else {
      pool.storages.insert(storage);
    }
  }
}

Answer update(Parts& parts, Call& call) {
  const std::string id = call.params.get_or("poolid", "");
  require_pool(parts, id);
  parts.users.change([&](config::UserCfg& cfg) {
    if (const auto comment = call.params.get("comment")) cfg.pools.at(id).comment = *comment;
    change_members(parts, call.params, id, cfg);
  });
  return nullptr;
}

Answer remove(Parts& parts, Call& call) {
  const std::string id = call.params.get_or("poolid", "");
  parts.users.change([&](config::UserCfg& cfg) {
    const auto found = cfg.pools.find(id);
    if (found == cfg.pools.end())
      throw wire::failure(fmt::format("delete pool failed: pool '{}' does not exist", id));
    const config::PoolEntry& pool = found->second;
    if (!pool.vms.empty()) {
      throw wire::failure(
          fmt::format("delete pool failed: pool '{}' is not empty (contains VM {})", id, *pool.vms.begin()));
    }
    if (!pool.storages.empty()) {
      throw wire::failure(fmt::format("delete pool failed: pool '{}' is not empty (contains storage '{}')",
                                      id, *pool.storages.begin()));
    }
    cfg.pools.erase(found);
  });
  return nullptr;
}

}  // namespace

std::vector<Verb> pool_verbs() {
  const auto allocate = [] { return all_of("/pool/{poolid}", {"Pool.Allocate"}); };
  return {
      {"GET", "/pools", Pace::work, for_users(), list},
      {"POST", "/pools", Pace::work, allocate(), create},
      {"PUT", "/pools", Pace::work, allocate(), update},
      {"DELETE", "/pools", Pace::work, allocate(), remove},
      {"GET", "/pools/{poolid}", Pace::work, all_of("/pool/{poolid}", {"Pool.Audit"}), show},
      {"PUT", "/pools/{poolid}", Pace::work, allocate(), update},
      {"DELETE", "/pools/{poolid}", Pace::work, allocate(), remove},
  };
}

}  // namespace hlid::node::service
