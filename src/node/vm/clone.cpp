// POST qemu/ID/clone: full and linked.
#include "base/log.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "node/vm/instant.h"
#include "wire/api_error.h"
#include "wire/size.h"

namespace hlid::node::vm {
namespace {

struct ClonePlan {
  Vmid source;
  Vmid target;
  bool full = true;
  std::string storage;  // empty: the source's
  std::string format;   // empty: the source's
  std::string name;
  std::optional<std::string> description;
  std::string snapshot;
  bool instant = false;  // its disk begins as nothing of its own (instant/records.h)
};

const Section& section_of(const config::StoredVm& vm, const std::string& snapshot) {
  if (snapshot.empty()) return vm.config.main;
  if (const auto* found = vm.config.find_snapshot(snapshot)) return *found;
  throw wire::failure(fmt::format("snapshot '{}' does not exist", snapshot));
}

/// Drives that have content of their own: neither CDs (cloud-init drives are made anew) nor empty.
bool has_content(const qemu::Drive& drive) {
  return !drive.is_cdrom() && request_of(drive) == DriveRequest::existing;
}

template <typename Visit>
void for_each_drive(const Section& values, Visit visit) {
  for (const auto& [key, value] : values) {
    if (qemu::is_disk_key(key)) visit(qemu::parse_drive(key, value));
  }
}

void check_linked(const Core& core, const Section& source, const Params& params) {
  for (const char* parameter : {"storage", "format"}) {
    if (params.count(parameter) != 0) {
      throw wire::failure(fmt::format("parameter '{}' not allowed for linked clones", parameter));
    }
  }
  for_each_drive(source, [&core](const qemu::Drive& drive) {
    if (!has_content(drive)) return;
    const auto [on, volume] = core.parts.storages.resolve(drive.volume);
    if (!on->is_base(volume)) {
      throw wire::failure(
          fmt::format("Linked clone feature is not supported for '{}' ({})", drive.volume, drive.key));
    }
  });
}

ClonePlan plan_clone(const Core& core, Vmid source, const Params& params) {
  const auto vm = core.configs().find(source);
  if (vm == nullptr) {
    throw wire::failure(fmt::format("unable to find configuration file for VM {} on node '{}'", source.value,
                                    core.parts.node));
  }
  ClonePlan plan{source, Vmid{static_cast<int>(number(params, "newid", 0))}};
  plan.snapshot = text(params, "snapname");
  if (plan.snapshot == "current") plan.snapshot.clear();
  const std::string target = text(params, "target", core.parts.node);
  if (target != core.parts.node) throw wire::failure(fmt::format("no such cluster node '{}'", target));
  plan.storage = text(params, "storage");
  if (!plan.storage.empty()) core.parts.storages.find(plan.storage);
  check_unlocked(vm->config.main);
  const Section& values = section_of(*vm, plan.snapshot);
  plan.full = flag(params, "full", !is_template(vm->config.main));
  plan.format = text(params, "format");
  if (core.configs().find(plan.target) != nullptr) {
    throw wire::failure(fmt::format("unable to create VM {}: config file already exists", plan.target.value));
  }
  if (!plan.full) check_linked(core, values, params);
  if (core.is_running(source)) {
    throw wire::failure(fmt::format("can't clone VM {} while it is running on this node", source.value));
  }
  const std::string old_name = vm->config.get("name", to_string(source));
  plan.name = text(params, "name", "Copy-of-VM-" + old_name);
  if (params.count("description") != 0) plan.description = text(params, "description");
  plan.instant = is_template(vm->config.main) && plan.snapshot.empty() && plan.format.empty() &&
                 can_be_instant(core, values, plan.description.value_or(vm->config.get("description")));
  return plan;
}

/// One drive's copy: its new volume.
wire::VolumeId copy_drive(const Core& core, const ClonePlan& plan, const qemu::Drive& drive,
                          TaskContext& context, storage::StoragePtr& on) {
  const auto [from, volume] = core.parts.storages.resolve(drive.volume);
  if (!from->exists(volume)) throw wire::failure(fmt::format("volume '{}' does not exist", drive.volume));
  const bool full = plan.full || drive.key == "tpmstate0";
  if (plan.instant && full) {
    on = plan.storage.empty() ? from : core.parts.storages.find(plan.storage);
    context.log(
        fmt::format("create full clone of drive {} ({}): filled in the background", drive.key, drive.volume));
    return on->clone_over({from->path_of(volume), from->format_of(volume)}, plan.target);
  }
  context.log(
      fmt::format("create {} clone of drive {} ({})", full ? "full" : "linked", drive.key, drive.volume));
  on = plan.storage.empty() ? from : core.parts.storages.find(plan.storage);
  if (!full) return on->clone_linked(volume, plan.target);
  std::string format = plan.format.empty() ? from->format_of(volume) : plan.format;
  if (!on->supports_format(format)) format = on->default_format();
  return on->clone_full({from->path_of(volume), from->format_of(volume)}, plan.target, format,
                        log_progress(&context), context.stop_token());
}

wire::VolumeId new_cloudinit(const Core& core, const ClonePlan& plan, const qemu::Drive& drive,
                             TaskContext& context, storage::StoragePtr& on) {
  context.log(fmt::format("create full clone of drive {} ({})", drive.key, drive.volume));
  const auto [from, volume] = core.parts.storages.resolve(drive.volume);
  on = plan.storage.empty() ? from : core.parts.storages.find(plan.storage);
  std::string format = plan.format.empty() ? from->format_of(volume) : plan.format;
  if (!on->supports_format(format)) format = on->default_format();
  return on->allocate(plan.target, format, mib(4),
                      fmt::format("vm-{}-cloudinit.{}", plan.target.value, format));
}

void clone_drives(const Core& core, const ClonePlan& plan, Section& values, TaskContext& context,
                  sys::Rollback& undo) {
  const Section source = values;
  for_each_drive(source, [&](qemu::Drive drive) {
    if (!has_content(drive) && !drive.is_cloudinit()) return;  // a disc in a drive is shared
    storage::StoragePtr on;
    const auto volume = drive.is_cloudinit() ? new_cloudinit(core, plan, drive, context, on)
                                             : copy_drive(core, plan, drive, context, on);
    undo.on_failure([on, volume] {
      try {
        on->remove(volume);
      } catch (const std::exception& error) {
        log::warn("volume '{}' is left over: {}", to_string(volume), error.what());
      }
    });
    drive.options.set("file", to_string(volume));
    drive.options.set("size", wire::print_size(on->info(volume).size));
    values.set(drive.key, drive.print());
  });
}

/// A config with `lock: clone` stands first, so that a killed daemon's successor knows what to remove.
void clone_machine(Core& core, const ClonePlan& plan, TaskContext& context) {
  const VmLock reading = core.configs().lock_shared(plan.source, context.stop_token());
  const auto source = core.configs().require(plan.source);
  check_unlocked(source->config.main);
  const VmLock lock = core.lock(plan.target, context);
  VmConfig config;
  config.main = as_clone(section_of(*source, plan.snapshot), core.parts.random);
  config.main.set("name", plan.name);
  if (plan.description) config.main.set("description", *plan.description);
  VmConfig marker;
  marker.main.set("name", plan.name);
  if (const auto* description = config.main.find("description")) marker.main.set("description", *description);
  marker.main.set("lock", "clone");
  core.configs().create(lock, marker);
  sys::Rollback undo;
  undo.on_failure([&core, &lock] {
    try {
      core.configs().remove(lock);
    } catch (const std::exception& error) {
      log::warn("the config of machine {} is left over: {}", lock.vmid().value, error.what());
    }
  });
  clone_drives(core, plan, config.main, context, undo);
  if (plan.instant) {
    undo.on_failure([&core, &plan] { core.records.forget(plan.target); });
    remember_instant(core, plan.target, section_of(*source, {}), config.main, plan.full);
  }
  core.configs().write(lock, config);
  undo.commit();
  core.publish_hosts();
}

}  // namespace

wire::Upid Machines::clone(const Caller& caller, Vmid source, const Params& params) {
  Core& core = *core_;
  ClonePlan plan;
  as_api_error([&] { plan = plan_clone(core, source, params); });
  return core.task("qmclone", source, caller, [&core, plan](TaskContext& context) {
    try {
      clone_machine(core, plan, context);
    } catch (const wire::ApiError&) {
      throw;
    } catch (const Error& error) {
      throw wire::failure(fmt::format("clone failed: {}", error.message()));
    }
  });
}

}  // namespace hlid::node::vm
