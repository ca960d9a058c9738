#include "node/vm/repair.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "node/storage/qcow2.h"
#include "node/vm/disks.h"
#include "node/vm/instant.h"
#include "wire/api_error.h"

namespace hlid::node::vm {
namespace {

/// The base-… twin of a volume: "local:110/vm-110-disk-0.qcow2" -> "local:110/base-110-disk-0.qcow2".
wire::VolumeId base_twin(wire::VolumeId volume) {
  const auto slash = volume.name.rfind('/');
  const std::size_t at = slash == std::string::npos ? 0 : slash + 1;
  if (volume.name.compare(at, 3, "vm-") == 0) volume.name.replace(at, 3, "base-");
  return volume;
}

bool has_disk(const qemu::Drive& drive) {
  return !drive.is_cdrom() && request_of(drive) == DriveRequest::existing;
}

void remove_owned_volumes(const Core& core, Vmid vmid) {
  for (const auto& on : core.parts.storages.all()) {
    if (!on->enabled() || !on->holds("images")) continue;
    for (const auto& info : on->list("images", vmid)) on->remove(info.id);
  }
}

void repair_one(Core& core, const config::StoredVm& vm) {
  const std::string kind = vm.config.get("lock");
  const bool half_made = kind == "create" || kind == "clone";
  if (!half_made && kind != "destroyed" && !is_template(vm.config.main)) return;
  const VmLock lock = core.configs().lock(vm.vmid);
  if (half_made || kind == "destroyed") {
    log::info("machine {} was left half {}: removing what there is of it", vm.vmid.value,
              half_made ? "made" : "destroyed");
    finish_removal(core, lock, true);
  } else {
    finish_template(core, lock);
  }
}

/// Where a volume is; its own name when nobody knows.
std::string file_of(const Core& core, const std::string& volume) {
  const auto id = wire::parse_volume_id(volume);
  const auto on = id ? core.parts.storages.find_if_exists(id->storage) : nullptr;
  return on != nullptr ? on->path_of(*id).string() : volume;
}

/// Volumes of machines that no config names any more: what an allocation or a release left when it was
/// killed. Disks become unusedN, as Proxmox's `qm rescan` makes them; a cloud-init disc is made anew when it
/// is needed.
void rescan_one(Core& core, const config::StoredVm& vm, const std::vector<wire::VolumeId>& owned) {
  std::vector<std::string> named;
  for (const auto& volume : volumes_of(vm.config)) named.push_back(file_of(core, volume));
  std::vector<wire::VolumeId> lost;
  for (const auto& volume : owned) {
    // By file: the same volume has two names when a linked clone reads a warm copy.
    if (std::find(named.begin(), named.end(), file_of(core, to_string(volume))) == named.end())
      lost.push_back(volume);
  }
  if (lost.empty() || vm.config.main.contains("lock")) return;
  const VmLock lock = core.configs().lock(vm.vmid);
  VmConfig config = vm.config;
  for (const auto& volume : lost) {
    log::info("machine {}: found its volume '{}'", vm.vmid.value, to_string(volume));
    if (volume.name.find("-cloudinit") != std::string::npos) {
      core.parts.storages.find(volume.storage)->remove(volume);
    } else {
      add_unused(config.main, to_string(volume));
    }
  }
  core.configs().write(lock, config);
}

void rescan_all(Core& core) {
  std::map<Vmid, std::vector<wire::VolumeId>> by_owner;
  for (const auto& on : core.parts.storages.all()) {
    if (!on->enabled() || !on->holds("images")) continue;
    for (const auto& info : on->list("images")) {
      if (info.vmid) by_owner[*info.vmid].push_back(info.id);
    }
  }
  for (const auto& [vmid, owned] : by_owner) {
    if (const auto vm = core.configs().find(vmid)) rescan_one(core, *vm, owned);
  }
}

}  // namespace

void finish_template(Core& core, const VmLock& lock) {
  VmConfig config = core.configs().require(lock.vmid())->config;
  const Section values = config.main;
  for (const auto& [key, value] : values) {
    if (!qemu::is_disk_key(key)) continue;
    auto drive = qemu::parse_drive(key, value);
    if (!has_disk(drive)) continue;
    const auto [on, volume] = core.parts.storages.resolve(drive.volume);
    if (on->is_base(volume)) continue;
    const auto twin = base_twin(volume);
    const bool renamed = !on->exists(volume) && on->exists(twin);
    drive.options.set("file", to_string(renamed ? twin : on->make_base(volume)));
    config.main.set(key, drive.print());
    core.configs().write(lock, config);
  }
}

void refuse_used_bases(const Core& core, Vmid vmid, const VmConfig& config) {
  if (!is_template(config.main)) return;
  for (const auto& other : core.configs().all()) {
    if (other->vmid == vmid) continue;
    for (const auto& volume : volumes_of(other->config)) {
      const auto id = wire::parse_volume_id(volume);
      if (!id) continue;
      for (const auto& own : volumes_of(config)) {
        const auto base = wire::parse_volume_id(own);
        if (!base) continue;
        const bool named = base->storage == id->storage && id->name.rfind(base->name + "/", 0) == 0;
        // An instant machine's disk does not say it in its name.
        if (named || storage::reads_from(file_of(core, volume), file_of(core, own))) {
          throw wire::failure(fmt::format("base volume '{}' is still in use by linked cloned", base->name));
        }
      }
    }
  }
}

void finish_removal(Core& core, const VmLock& lock, bool all) {
  const auto vm = core.configs().require(lock.vmid());
  for (const auto& volume : volumes_of(vm->config)) {
    try {
      release_volume(core, lock.vmid(), volume);
    } catch (const Error& error) {
      if (!all) throw;
      log::warn("machine {}: {}", lock.vmid().value, error.what());
    }
  }
  if (all) remove_owned_volumes(core, lock.vmid());
  for (int port = 0; port < 4 && !core.parts.serial_log_folder.empty(); ++port) {
    std::error_code ignored;  // a log that stays does no harm
    const auto name = fmt::format("{}.serial{}", lock.vmid().value, port);
    std::filesystem::remove(core.parts.serial_log_folder / name, ignored);
  }
  core.records.forget(lock.vmid());
  core.configs().remove(lock);
}

void repair_all(Core& core) {
  repair_instant(core);
  for (const auto& vm : core.configs().all()) {
    try {
      repair_one(core, *vm);
    } catch (const Error& error) {
      log::warn("machine {} cannot be repaired: {}", vm->vmid.value, error.what());
    }
  }
  try {
    rescan_all(core);
  } catch (const Error& error) {
    log::warn("storages cannot be searched for lost volumes: {}", error.what());
  }
}

}  // namespace hlid::node::vm
