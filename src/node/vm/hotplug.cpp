#include "node/vm/hotplug.h"

#include <algorithm>

#include "base/text.h"
#include "node/qemu/command_line.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "wire/property_string.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

bool enabled(const Section& values, std::string_view what) {
  const std::string list = values.get("hotplug", "network,disk,usb");
  if (list == "1") return what == "network" || what == "disk" || what == "usb";
  const auto kinds = split_list(list, ",; ");
  return std::find(kinds.begin(), kinds.end(), what) != kinds.end();
}

/// Another disc in a CD drive, or none.
void change_medium(const Core& core, const RunningVmPtr& vm, const std::string& key,
                   const qemu::Drive& drive) {
  const auto qmp = vm->qmp();
  if (drive.is_empty()) {
    qmp->execute("eject", {{"id", key}, {"force", true}});
    return;
  }
  const auto [on, volume] = core.parts.storages.resolve(drive.volume);
  qmp->execute("blockdev-change-medium", {{"id", key},
                                          {"filename", on->path_of(volume).string()},
                                          {"format", on->format_of(volume)},
                                          {"force", true}});
}

bool plug_drive(Core& core, const RunningVmPtr& vm, const VmConfig& config, const std::string& key) {
  const auto* before = config.main.find(key);
  const auto* after = config.pending.find(key);
  if (after == nullptr) {  // a removal
    const auto order = qemu::boot_order(config.main);
    const auto drive = qemu::parse_drive(key, *before);
    const auto first =
        std::find_if(order.begin(), order.end(), [](const auto& d) { return qemu::is_disk_key(d); });
    if (first != order.end() && *first == key && !drive.is_cdrom()) {
      throw Error(Errc::conflict, "can't unplug bootdisk '{}'", key);
    }
    return false;
  }
  if (before == nullptr) return false;
  const auto old_drive = qemu::parse_drive(key, *before);
  const auto new_drive = qemu::parse_drive(key, *after);
  if (!old_drive.is_cdrom() || !new_drive.is_cdrom()) return false;
  change_medium(core, vm, key, new_drive);
  return true;
}

/// Everything but the link's state needs another device or another tap.
bool plug_net(const RunningVmPtr& vm, const VmConfig& config, const std::string& key) {
  const auto* before = config.main.find(key);
  const auto* after = config.pending.find(key);
  if (before == nullptr || after == nullptr) return false;
  auto old_card = qemu::parse_net(key, *before);
  auto new_card = qemu::parse_net(key, *after);
  const bool down = new_card.link_down;
  for (auto* card : {&old_card, &new_card}) {
    for (const char* soft : {"link_down", "firewall", "rate"}) card->options.remove(soft);
  }
  if (old_card.print() != new_card.print()) return false;
  vm->qmp()->execute("set_link", {{"name", key}, {"up", !down}});
  return true;
}

bool plug_balloon(const RunningVmPtr& vm, const VmConfig& config) {
  const auto* target = config.pending.find("balloon");
  if (config.get("balloon", "1") == "0" || target == nullptr || *target == "0")
    return false;        // another device
  return vm != nullptr;  // a lower bound for ballooning, which is up to the host: nothing to tell QEMU
}

}  // namespace

bool hotplug(Core& core, const RunningVmPtr& vm, const VmConfig& config, const std::string& key) {
  if (key == "balloon") return plug_balloon(vm, config);
  if (applies_at_once(key)) return true;
  if (wire::is_drive_key(key)) return plug_drive(core, vm, config, key);
  if (wire::is_net_key(key) && enabled(config.main, "network")) return plug_net(vm, config, key);
  return false;
}

void reload_cloudinit(const Core& core, const RunningVmPtr& vm, const Section& values) {
  if (const auto drive = cloudinit_drive_of(values)) change_medium(core, vm, drive->key, *drive);
}

}  // namespace hlid::node::vm
