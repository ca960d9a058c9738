#include "node/vm/hotplug.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "node/qemu/plug.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "node/vm/power.h"
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

void quietly(qemu::QmpClient& qmp, const qemu::QmpCommand& command) {
  try {
    qmp.execute(command.name, command.arguments);
  } catch (const Error& error) {  // it was not there, or went by itself
    log::debug("{}", error.what());
  }
}

/// Takes back what an unplugged device leaves. QEMU lets go of a drive a moment after its device is gone, the
/// later the busier the host: until then its block node is "in use".
void remove_rest(const Core& core, qemu::QmpClient& qmp, const std::string& key) {
  for (const auto& command : qemu::cleanup_commands(key)) {
    for (int tries = 0; tries < 50; ++tries) {
      try {
        qmp.execute(command.name, command.arguments);
        break;
      } catch (const qemu::QmpError& error) {
        if (!contains(error.description(), "in use") || command.name != "blockdev-del") {
          log::debug("{}", error.what());  // it was not there, or goes with the machine
          break;
        }
      }
      core.parts.clock.sleep(std::chrono::milliseconds(100));
    }
  }
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

bool is_pluggable_drive(const VmConfig& config, const qemu::Drive& drive) {
  const std::string hardware = config.get("scsihw", "lsi");
  const bool bus = drive.bus == "virtio" || (drive.bus == "scsi" && hardware.rfind("virtio-scsi", 0) == 0);
  return bus && !drive.is_cloudinit() && enabled(config.main, "disk") &&
         !contains(config.get("machine"), "q35");
}

bool has_device(qemu::QmpClient& qmp, std::string_view id) {
  const json::value devices = qmp.execute("qom-list", {{"path", "/machine/peripheral"}});
  const auto& list = devices.as_array();
  return std::any_of(list.begin(), list.end(),
                     [id](const json::value& one) { return get_string(one.as_object(), "name") == id; });
}

/// The controller of a SCSI drive, and its I/O thread, stay when its last drive goes, for the next one.
bool is_controller_in_place(qemu::QmpClient& qmp, const qemu::QmpCommand& command) {
  constexpr std::string_view kThread = "iothread-";
  auto id = get_string(command.arguments, "id").value_or("");
  if (id.starts_with(kThread)) id.erase(0, kThread.size());
  return (id.starts_with("scsihw") || id.starts_with("virtioscsi")) && has_device(qmp, id);
}

/// Adds the device of `key`; what was added before a step failed is taken back.
bool plug(Core& core, const RunningVmPtr& vm, const VmConfig& config, const std::string& key) {
  Section after = config.main;
  after.set(key, config.pending.get(key));
  const auto commands =
      qemu::plug_commands(vm->vmid, config.main, after, core.parts.facts, places_of(core, after));
  if (!commands) return false;
  const auto qmp = vm->qmp();
  // What a daemon left that was killed while it unplugged the last one of that name.
  for (const auto& left : qemu::cleanup_commands(key)) quietly(*qmp, left);
  try {
    for (const auto& command : *commands)
      if (!is_controller_in_place(*qmp, command)) qmp->execute(command.name, command.arguments);
  } catch (const Error&) {
    for (const auto& undo : qemu::cleanup_commands(key)) quietly(*qmp, undo);
    throw;
  }
  return true;
}

/// Asks the guest to let go of a device and waits until it has.
void unplug(Core& core, const RunningVmPtr& vm, const std::string& key) {
  const auto qmp = vm->qmp();
  qmp->execute("device_del", {{"id", key}});
  for (int i = 0; has_device(*qmp, key); ++i) {
    if (i == 50) throw Error(Errc::timeout, "error on hot-unplugging device '{}'", key);
    core.parts.clock.sleep(std::chrono::milliseconds(100));
  }
  remove_rest(core, *qmp, key);
}

bool plug_drive(Core& core, const RunningVmPtr& vm, const VmConfig& config, const std::string& key) {
  const auto* before = config.main.find(key);
  const auto* after = config.pending.find(key);
  if (after == nullptr) {  // a removal
    const auto drive = qemu::parse_drive(key, *before);
    const auto order = qemu::boot_order(config.main);
    const auto first =
        std::find_if(order.begin(), order.end(), [](const auto& d) { return qemu::is_disk_key(d); });
    if (first != order.end() && *first == key && !drive.is_cdrom()) {
      throw Error(Errc::conflict, "can't unplug bootdisk '{}'", key);
    }
    if (!is_pluggable_drive(config, drive)) return false;
    unplug(core, vm, key);
    return true;
  }
  const auto new_drive = qemu::parse_drive(key, *after);
  if (before == nullptr) return is_pluggable_drive(config, new_drive) && plug(core, vm, config, key);
  const auto old_drive = qemu::parse_drive(key, *before);
  if (!old_drive.is_cdrom() || !new_drive.is_cdrom()) return false;
  change_medium(core, vm, key, new_drive);
  return true;
}

/// Cards come and go; of one that stays only the link's state changes live, all else needs another device or
/// tap.
bool plug_net(Core& core, const RunningVmPtr& vm, const VmConfig& config, const std::string& key) {
  const auto* before = config.main.find(key);
  const auto* after = config.pending.find(key);
  if (contains(config.get("machine"), "q35") && (before == nullptr || after == nullptr)) return false;
  if (after == nullptr) {
    unplug(core, vm, key);
    return true;
  }
  auto new_card = qemu::parse_net(key, *after);
  if (before == nullptr) {
    if (const auto tap = tap_of(vm->vmid, new_card)) core.parts.network.add_taps({*tap});
    return plug(core, vm, config, key);
  }
  auto old_card = qemu::parse_net(key, *before);
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
  if (wire::is_net_key(key) && enabled(config.main, "network")) return plug_net(core, vm, config, key);
  return false;
}

void reload_cloudinit(const Core& core, const RunningVmPtr& vm, const Section& values) {
  if (const auto drive = cloudinit_drive_of(values)) change_medium(core, vm, drive->key, *drive);
}

}  // namespace hlid::node::vm
