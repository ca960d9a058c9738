// The volumes of a storage.
#include <fmt/format.h>
#include <boost/json.hpp>

#include <chrono>

#include "base/text.h"
#include "node/auth/permissions.h"
#include "node/service/callers.h"
#include "node/service/upload.h"
#include "node/service/verbs.h"
#include "node/storage/storages.h"
#include "node/task/tasks.h"
#include "sys/clock.h"

namespace hlid::node::service {
namespace {

json::object describe(const storage::VolumeInfo& info) {
  json::object row{{"volid", to_string(info.id)},
                   {"content", info.content},
                   {"format", info.format},
                   {"size", info.size.count},
                   {"ctime", info.ctime}};
  if (info.vmid) row["vmid"] = info.vmid->value;
  if (info.content == "images") {
    row["used"] = info.used.count;
    row["parent"] = info.parent ? json::value(*info.parent) : json::value(nullptr);
  }
  if (info.content == "backup") {
    row["subtype"] = "qemu";
    if (info.is_protected) row["protected"] = 1;
    if (!info.notes.empty()) row["notes"] = info.notes.substr(0, info.notes.find('\n'));
  }
  return row;
}

Answer list(Parts& parts, Call& call) {
  const auto storage = parts.storages.find(call.params.get_or("storage", ""));
  std::optional<Vmid> owner;
  if (call.params.has("vmid")) owner = vmid_of(call.params);
  json::array rows;
  for (const storage::VolumeInfo& info : storage->list(call.params.get_or("content", ""), owner)) {
    rows.push_back(describe(info));
  }
  return rows;
}

/// The volume of the path: with or without its storage's name before it.
wire::VolumeId volume_of(const Call& call) {
  const std::string storage = call.params.get_or("storage", "");
  const std::string volume = call.params.get_or("volume", "");
  if (const auto id = wire::parse_volume_id(volume)) {
    if (id->storage != storage)
      throw wire::failure(fmt::format("storage ID missmatch ({} != {})", id->storage, storage));
    return *id;
  }
  return {storage, volume};
}

Answer show(Parts& parts, Call& call) {
  const wire::VolumeId volume = volume_of(call);
  const auto storage = parts.storages.find(volume.storage);
  parts.permissions.require(call.who, "/storage/" + volume.storage,
                            {"Datastore.Audit", "Datastore.AllocateSpace"}, true);
  const storage::VolumeInfo info = storage->info(volume);
  const bool is_image = info.content == "images" || info.content == "import";
  json::object row{{"path", storage->path_of(volume).string()},
                   {"size", info.size.count},
                   {"used", info.used.count},
                   {"format", is_image ? info.format : "raw"}};
  if (info.content == "backup") {
    row["protected"] = info.is_protected ? 1 : 0;
    if (!info.notes.empty()) row["notes"] = info.notes;
  }
  return row;
}

/// KiB, or with a unit.
Bytes size_of(const std::string& text) {
  const long long number = std::stoll(text.substr(0, 15));
  if (text.ends_with('G')) return gib(number);
  if (text.ends_with('M')) return mib(number);
  return kib(number);
}

Answer allocate(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("filename", "");
  const auto storage = parts.storages.find(call.params.get_or("storage", ""));
  const auto dot = name.rfind('.');
  const std::string extension = dot == std::string::npos ? "" : name.substr(dot + 1);
  const std::string format = call.params.get_or(
      "format", storage->supports_format(extension) ? extension : storage->default_format());
  return to_string(
      storage->allocate(vmid_of(call.params), format, size_of(call.params.get_or("size", "0")), name));
}

/// Whose volume it is, by its name: "100/vm-100-disk-0.raw" or "backup/vzdump-qemu-100-…".
std::string owner_of(const wire::VolumeId& volume) {
  if (const auto backup = volume.name.find("vzdump-qemu-"); backup != std::string::npos) {
    const std::string rest = volume.name.substr(backup + 12);
    return rest.substr(0, rest.find('-'));
  }
  const std::string file = volume.name.substr(volume.name.rfind('/') + 1);
  for (const char* prefix : {"vm-", "base-"}) {
    if (!file.starts_with(prefix)) continue;
    const std::string rest = file.substr(std::string_view(prefix).size());
    const std::string number = rest.substr(0, rest.find('-'));
    return parse_vmid(number) ? number : "";
  }
  const std::string folder = volume.name.substr(0, volume.name.find('/'));
  return parse_vmid(folder) ? folder : "";
}

void require_remove(const Parts& parts, const Call& call, const wire::VolumeId& volume,
                    const std::string& owner) {
  const std::string path = "/storage/" + volume.storage;
  if (!owner.empty() && parts.permissions.has(call.who, "/vms/" + owner, "VM.Config.Disk") &&
      parts.permissions.has(call.who, path, "Datastore.AllocateSpace")) {
    return;
  }
  parts.permissions.require(call.who, path, {"Datastore.Allocate"});
}

/// Null when the task ends well within `seconds`; its UPID when it takes longer.
Answer wait_for(Parts& parts, const wire::Upid& upid, long long seconds) {
  const auto deadline = parts.clock.now() + std::chrono::seconds(seconds);
  while (parts.clock.now() < deadline) {
    const task::TaskEntry entry = parts.tasks.status(upid);
    if (!entry.running) {
      if (entry.status == "OK" || entry.status.starts_with("WARNINGS")) return nullptr;
      throw wire::failure(entry.status);
    }
    parts.clock.sleep(std::chrono::milliseconds(20));
  }
  return to_string(upid);
}

Answer remove(Parts& parts, Call& call) {
  const wire::VolumeId volume = volume_of(call);
  const std::string owner = owner_of(volume);
  require_remove(parts, call, volume, owner);
  const auto storage = parts.storages.find(volume.storage);
  const auto path = storage->path_of(volume);
  const std::string id = owner.empty() ? volume.storage : owner + "@" + volume.storage;
  const wire::Upid upid =
      parts.tasks.start("imgdel", id, user_of(call.who), [storage, volume, path](task::TaskContext& task) {
        if (!storage->remove(volume)) task.log(fmt::format("disk image '{}' does not exist", path.string()));
        task.log(fmt::format("Removed volume '{}'", to_string(volume)));
      });
  if (const auto delay = call.params.integer("delay")) return wait_for(parts, upid, *delay);
  return to_string(upid);
}

Answer annotate(Parts& parts, Call& call) {
  const wire::VolumeId volume = volume_of(call);
  parts.permissions.require(call.who, "/storage/" + volume.storage, {"Datastore.Allocate"});
  const auto storage = parts.storages.find(volume.storage);
  if (const auto notes = call.params.get("notes")) storage->set_notes(volume, *notes);
  if (call.params.has("protected")) storage->set_protected(volume, call.params.flag("protected"));
  return nullptr;
}

}  // namespace

std::vector<Verb> content_verbs() {
  return {
      {"GET", "/nodes/{node}/storage/{storage}/content", Pace::work,
       any_of("/storage/{storage}", {"Datastore.Audit", "Datastore.AllocateSpace"}), list},
      {"POST", "/nodes/{node}/storage/{storage}/content", Pace::work,
       all_of("/storage/{storage}", {"Datastore.AllocateSpace"}), allocate},
      {"GET", "/nodes/{node}/storage/{storage}/content/{volume}", Pace::work, for_users(), show},
      {"PUT", "/nodes/{node}/storage/{storage}/content/{volume}", Pace::work, for_users(), annotate},
      {"DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", Pace::work, for_users(), remove},
      {"POST", "/nodes/{node}/storage/{storage}/upload", Pace::work,
       all_of("/storage/{storage}", {"Datastore.AllocateTemplate"}), upload},
  };
}

}  // namespace hlid::node::service
