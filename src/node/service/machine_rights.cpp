#include "node/service/machine_rights.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "node/auth/permissions.h"
#include "node/service/callers.h"
#include "wire/api_error.h"
#include "wire/property_string.h"
#include "wire/vm_keys.h"
#include "wire/volume_id.h"

namespace hlid::node::service {
namespace {

using Names = std::set<std::string, std::less<>>;

bool is_in(const Names& names, std::string_view key) {
  return names.find(key) != names.end();
}

/// The part of a key without its number.
std::string_view kind_of(std::string_view key) {
  const auto indexed = wire::split_key(key);
  return indexed ? indexed->kind : key;
}

const Names kNotConfig = {"node",
                          "vmid",
                          "delete",
                          "digest",
                          "force",
                          "revert",
                          "skiplock",
                          "pool",
                          "start",
                          "archive",
                          "unique",
                          "storage",
                          "background_delay",
                          "bwlimit",
                          "import-working-storage",
                          "live-restore"};
const Names kProcessor = {"cores",    "sockets",  "vcpus", "cpu", "cpulimit",
                          "cpuunits", "affinity", "numa",  "smp"};
const Names kMemory = {"memory", "balloon", "shares", "hugepages", "keephugepages"};
const Names kHardware = {"acpi",   "hotplug", "kvm",      "machine", "scsihw", "smbios1",
                         "tablet", "vga",     "watchdog", "audio",   "audio0", "bios",
                         "rng0",   "ivshmem", "arch",     "vmgenid"};
const Names kOptions = {"agent",
                        "autostart",
                        "boot",
                        "bootdisk",
                        "description",
                        "keyboard",
                        "localtime",
                        "migrate_downtime",
                        "migrate_speed",
                        "name",
                        "onboot",
                        "ostype",
                        "protection",
                        "reboot",
                        "startdate",
                        "startup",
                        "tdf",
                        "template",
                        "tags",
                        "freeze",
                        "spice_enhancements",
                        "vmstatestorage"};
const Names kCloudInit = {"cicustom",  "cipassword", "citype",       "ciuser",
                          "ciupgrade", "nameserver", "searchdomain", "sshkeys"};

struct Need {
  std::vector<std::string_view> privileges;
  bool any = false;
};

Need drive_need(const std::string& value) {
  if (contains(value, "cloudinit")) return {{"VM.Config.CDROM", "VM.Config.Cloudinit"}, true};
  if (contains(value, "media=cdrom") || value.starts_with("none") || value.starts_with("cdrom"))
    return {{"VM.Config.CDROM"}};
  return {{"VM.Config.Disk"}};
}

/// The privileges for one key; throws for what only root@pam may set.
Need need_of(const std::string& key, const std::string& value) {
  const std::string_view kind = kind_of(key);
  if (is_in(kProcessor, key) || kind == "numa") return {{"VM.Config.CPU"}};
  if (is_in(kMemory, key)) return {{"VM.Config.Memory"}};
  if (is_in(kHardware, key)) return {{"VM.Config.HWType"}};
  if (is_in(kOptions, key)) return {{"VM.Config.Options"}};
  if (is_in(kCloudInit, key)) return {{"VM.Config.Cloudinit"}};
  if (kind == "ipconfig") return {{"VM.Config.Cloudinit", "VM.Config.Network"}, true};
  if (kind == "net") return {{"VM.Config.Network"}};
  if (kind == "unused" || key == "efidisk0" || key == "tpmstate0") return {{"VM.Config.Disk"}};
  if (wire::is_drive_key(key)) return drive_need(value);
  if (key == "cdrom") return {{"VM.Config.CDROM"}};
  if (kind == "serial") {
    if (value.empty() || value == "socket") return {{"VM.Config.HWType"}};
    throw wire::failure(fmt::format("only root can modify '{}' config for real devices", key));
  }
  if (kind == "usb") {
    if (value.starts_with("spice") || value.empty()) return {{"VM.Config.HWType"}};
    throw wire::failure(fmt::format("only root can set '{}' config for real devices", key));
  }
  if (kind == "hostpci")
    throw wire::failure(fmt::format("only root can set '{}' config for non-mapped devices", key));
  throw wire::failure(fmt::format("only root can set '{}' config", key));
}

void require(const Parts& parts, const Call& call, Vmid vmid, const std::string& pool, const Need& need) {
  if (!pool.empty()) {
    bool granted = !need.any;
    for (const std::string_view privilege : need.privileges) {
      const bool has = parts.permissions.has(call.who, "/pool/" + pool, privilege);
      granted = need.any ? granted || has : granted && has;
    }
    if (granted) return;
  }
  parts.permissions.require(call.who, "/vms/" + to_string(vmid), need.privileges, need.any);
}

void require_bridge(const Parts& parts, const Call& call, const std::string& net) {
  const auto property = wire::PropertyString::parse(net, "model");
  const auto bridge = property.get("bridge");
  if (!bridge) return;
  const auto tag = property.get("tag");
  const std::string path = "/sdn/zones/localnetwork/" + *bridge + (tag ? "/" + *tag : "");
  parts.permissions.require(call.who, path, {"SDN.Use"});
}

/// "local:32" makes a disk; "local:0,import-from=…" too; "local:100/vm-100-disk-0.raw" names one that is
/// there.
void require_space(const Parts& parts, const Call& call, const std::string& drive) {
  const auto property = wire::PropertyString::parse(drive, "file");
  const auto volume = wire::parse_volume_id(property.get_or("file", ""));
  if (property.get_or("import-from", "").starts_with('/')) {
    throw wire::failure("Only root can pass arbitrary filesystem paths.");
  }
  if (!volume) return;
  const bool fresh =
      volume->name == "cloudinit" || volume->name.find_first_not_of("0123456789.") == std::string::npos;
  if (fresh) {
    parts.permissions.require(call.who, "/storage/" + volume->storage, {"Datastore.AllocateSpace"});
  } else {
    parts.permissions.require(call.who, "/storage/" + volume->storage,
                              {"Datastore.AllocateSpace", "Datastore.Audit"}, true);
  }
}

}  // namespace

void require_config_rights(const Parts& parts, const Call& call, Vmid vmid, const std::string& pool) {
  if (call.who.is_root_user()) return;
  for (const auto& [name, value] : call.params.items()) {
    if (!is_in(kNotConfig, name))
      require(parts, call, vmid, pool, need_of(name, call.params.get_or(name, "")));
  }
  for (const char* list : {"delete", "revert"}) {
    for (const std::string& name : call.params.list(list))
      require(parts, call, vmid, pool, need_of(name, ""));
  }
}

void require_cdrom_for_iso(const Call& call) {
  for (const auto& [name, value] : call.params.items()) {
    if (!wire::is_drive_key(name) || value.kind == Value::Kind::null) continue;
    const auto property = wire::PropertyString::parse(value.str(), "file");
    const auto volume = wire::parse_volume_id(property.get_or("file", ""));
    if (volume && volume->name.starts_with("iso/") && property.get_or("media", "") != "cdrom") {
      throw wire::parameter_error(name, "explicit 'media=cdrom' is required for iso images");
    }
  }
}

void require_disk_and_bridge_rights(const Parts& parts, const Call& call,
                                    const std::string& default_storage) {
  if (call.who.is_root_user()) return;
  if (!default_storage.empty()) {
    parts.permissions.require(call.who, "/storage/" + default_storage, {"Datastore.AllocateSpace"});
  }
  for (const auto& [name, value] : call.params.items()) {
    if (value.kind == Value::Kind::null) continue;
    if (wire::is_net_key(name)) require_bridge(parts, call, value.str());
    if (wire::is_drive_key(name) || name == "efidisk0" || name == "tpmstate0")
      require_space(parts, call, value.str());
  }
}

}  // namespace hlid::node::service
