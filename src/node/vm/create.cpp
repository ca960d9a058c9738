// POST nodes/N/qemu.
#include "base/log.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "node/vm/power.h"
#include "wire/api_error.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

/// The options among the parameters; `cdrom` is an old name of ide2.
Section options_of(const Params& params) {
  Section values;
  for (const auto& [key, value] : params) {
    if (key == "cdrom") {
      values.set("ide2", value + ",media=cdrom");
    } else if (is_option(key) && key != "digest") {
      values.set(key, value);
    }
  }
  return values;
}

void check_creation(const Core& core, const Caller& caller, const Section& values) {
  for (const auto& [key, value] : values) {
    check_plain(key, value);
    if (is_root_only(key, value) && !caller.is_root) {
      throw wire::failure(fmt::format("only root can set '{}' config", key));
    }
    if (qemu::is_disk_key(key)) check_drive(core, caller, qemu::parse_drive(key, value));
  }
  if (const auto* keys = values.find("sshkeys")) check_ssh_keys(*keys);
}

void make_drives(Core& core, Vmid vmid, Section& values, TaskContext& context, sys::Rollback& undo) {
  const Section asked = values;
  for (const auto& [key, value] : asked) {
    if (!qemu::is_disk_key(key)) continue;
    const auto drive = qemu::parse_drive(key, value);
    check_single_cloudinit(values, drive);
    const MadeDrive made = make_drive(core, vmid, drive, &context, context.stop_token(), undo);
    values.set(key, made.value);
    if (made.created) context.log(fmt::format("{}: successfully created disk '{}'", key, made.value));
  }
}

/// A config with `lock: create` stands first, so that a killed daemon's successor knows what to remove.
void create_machine(Core& core, Vmid vmid, Section values, TaskContext& context) {
  const VmLock lock = core.lock(vmid, context);
  VmConfig config;
  config.main.set("lock", "create");
  core.configs().create(lock, config);
  sys::Rollback undo;
  undo.on_failure([&core, &lock] {
    try {
      core.configs().remove(lock);
    } catch (const std::exception& error) {
      log::warn("the config of machine {} is left over: {}", lock.vmid().value, error.what());
    }
  });
  make_drives(core, vmid, values, context, undo);
  for (const auto& [key, value] : Section(values)) {
    if (wire::is_net_key(key)) values.set(key, stored_net(key, value, core.parts.random));
  }
  add_creation_defaults(values, core.parts.facts.qemu_version, core.parts.clock.unix_seconds(),
                        core.parts.random);
  config.main = std::move(values);
  core.configs().write(lock, config);
  undo.commit();
  core.publish_hosts();
}

}  // namespace

wire::Upid Machines::create(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  if (core.configs().find(vmid) != nullptr) {
    throw wire::failure(fmt::format("unable to create VM {} - VM {} already exists on node '{}'", vmid.value,
                                    vmid.value, core.parts.node));
  }
  if (params.count("archive") != 0)
    throw wire::failure("restoring a backup is not supported by this node yet");
  const Section values = options_of(params);
  as_api_error([&] { check_creation(core, caller, values); });
  const bool start = flag(params, "start");
  return core.task("qmcreate", vmid, caller, [&core, vmid, values, start](TaskContext& context) {
    try {
      create_machine(core, vmid, values, context);
    } catch (const Error& error) {
      throw wire::failure(fmt::format("unable to create VM {} - {}", vmid.value, error.message()));
    }
    if (start) start_machine(core, vmid, {}, context);
  });
}

}  // namespace hlid::node::vm
