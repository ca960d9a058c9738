#include "node/service/resources.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "node/auth/permissions.h"
#include "node/service/host_status.h"
#include "node/service/parts.h"
#include "node/storage/storages.h"
#include "node/vm/machines.h"
#include "sys/clock.h"

namespace hlid::node::service {
namespace {

constexpr std::size_t kMostTexts = 64;

json::object render(const vm::Machines& machines, ResourceCache::Kind kind, Vmid vmid) {
  switch (kind) {
    case ResourceCache::Kind::list:
      return machines.list_row(vmid);
    case ResourceCache::Kind::full_list:
      return machines.list_row(vmid, true);
    case ResourceCache::Kind::resources:
      return machines.resource_row(vmid);
  }
  return {};
}

MachineRowsPtr render_rows(const vm::Machines& machines, ResourceCache::Kind kind) {
  auto rows = std::make_shared<MachineRows>();
  rows->generation = machines.generation();
  std::string all = "[";
  for (const Vmid vmid : machines.vmids()) {
    std::string row;
    try {
      row = to_text(render(machines, kind, vmid));
    } catch (const Error&) {
      continue;  // removed in between: the next generation does not list it
    }
    if (all.size() > 1) all += ',';
    all += row;
    rows->rows.emplace_back(vmid, std::move(row));
  }
  rows->all = std::make_shared<const std::string>(all + "]");
  return rows;
}

}  // namespace

MachineRowsPtr ResourceCache::machine_rows(const Parts& parts, Kind kind) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = rows_.find(kind);
    if (found != rows_.end() && found->second->generation == parts.machines.generation())
      return found->second;
  }
  MachineRowsPtr rows = render_rows(parts.machines, kind);
  const std::lock_guard lock(mutex_);
  rows_[kind] = rows;
  return rows;
}

std::shared_ptr<const std::string> ResourceCache::text(const Parts& parts, const std::string& key,
                                                       const std::function<std::string()>& make) {
  const std::uint64_t generation = parts.machines.generation();
  const std::int64_t second = parts.clock.unix_seconds();
  {
    const std::lock_guard lock(mutex_);
    const auto found = texts_.find(key);
    if (found != texts_.end() && found->second.generation == generation && found->second.second == second) {
      return found->second.text;
    }
  }
  auto text = std::make_shared<const std::string>(make());
  const std::lock_guard lock(mutex_);
  if (texts_.size() >= kMostTexts) texts_.clear();
  texts_[key] = {generation, second, text};
  return text;
}

bool sees_all(const auth::Identity& who) {
  return who.is_root_user();
}

bool may_see_machine(const Parts& parts, const auth::Identity& who, Vmid vmid) {
  return sees_all(who) || parts.permissions.has(who, "/vms/" + to_string(vmid), "VM.Audit");
}

bool may_see_storage(const Parts& parts, const auth::Identity& who, const std::string& id) {
  return sees_all(who) || parts.permissions.has(who, "/storage/" + id, "Datastore.Audit") ||
         parts.permissions.has(who, "/storage/" + id, "Datastore.AllocateSpace");
}

json::object node_row(const Parts& parts) {
  const HostSample host = parts.host->sample();
  return {{"id", "node/" + parts.node},
          {"type", "node"},
          {"node", parts.node},
          {"status", "online"},
          {"level", ""},
          {"cpu", host.cpu},
          {"maxcpu", parts.host->processors().count},
          {"mem", host.memory_used},
          {"maxmem", host.memory_total},
          {"disk", host.disk_total - host.disk_free},
          {"maxdisk", host.disk_total},
          {"uptime", host.uptime}};
}

json::object storage_row(const Parts& parts, const std::string& id) {
  const storage::StoragePtr storage = parts.storages.find(id);
  const storage::StorageStatus status = storage->status();
  const std::vector<std::string> content(storage->content().begin(), storage->content().end());
  return {{"id", fmt::format("storage/{}/{}", parts.node, id)},
          {"type", "storage"},
          {"storage", id},
          {"node", parts.node},
          {"plugintype", storage->type()},
          {"content", join(content, ",")},
          {"shared", 0},
          {"status", status.active ? "available" : "unknown"},
          {"disk", status.used.count},
          {"maxdisk", status.total.count}};
}

}  // namespace hlid::node::service
