// Resize, template conversion and removal.
#include "base/text.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "node/vm/instant.h"
#include "node/vm/repair.h"
#include "wire/api_error.h"
#include "wire/size.h"

namespace hlid::node::vm {
namespace {

/// "+10G" is relative; the result is in whole sectors.
Bytes wanted_size(const std::string& size, Bytes now) {
  const bool relative = size.rfind('+', 0) == 0;
  const auto parsed = wire::parse_size(relative ? size.substr(1) : size);
  if (!parsed) throw wire::parameter_error("size", "value does not match the regex pattern");
  const std::int64_t bytes = relative ? now.count + parsed->count : parsed->count;
  return whole_sectors(Bytes{bytes});
}

/// A drive of the command line goes by its device's name, a plugged one by its node's.
void resize_live(const Core& core, const RunningVmPtr& vm, const std::string& key, Bytes size) {
  pause_detaching(core, vm);
  const auto qmp = vm->qmp();
  try {
    qmp->execute("block_resize", {{"device", "drive-" + key}, {"size", size.count}});
  } catch (const qemu::QmpError&) {
    qmp->execute("block_resize", {{"node-name", "drive-" + key}, {"size", size.count}});
  }
}

void resize_drive(Core& core, const VmLock& lock, const std::string& key, const std::string& size,
                  const Params& params, TaskContext& context) {
  const Vmid vmid = lock.vmid();
  const auto vm = core.configs().require(vmid);
  check_digest(params, *vm);
  if (!flag(params, "skiplock")) check_unlocked(vm->config.main);
  const auto* value = vm->config.find(key);
  if (value == nullptr || !qemu::is_disk_key(key))
    throw wire::failure(fmt::format("disk '{}' does not exist", key));
  auto drive = qemu::parse_drive(key, *value);
  if (drive.is_cdrom()) throw wire::failure("you can't resize a cdrom");
  const auto [on, volume] = core.parts.storages.resolve(drive.volume);
  if (!on->exists(volume)) throw wire::failure(fmt::format("disk '{}' has no volume, size={}", key, size));
  const auto running = core.runtime.find(vmid);
  const Bytes now = on->info(volume).size;
  const Bytes target = wanted_size(size, now);
  if (target < now) throw wire::failure("shrinking disks is not supported");
  if (target > now) {
    if (running != nullptr) {
      resize_live(core, running, key, target);
    } else {
      on->resize(volume, target);
      context.log("Image resized.");
    }
  }
  VmConfig config = vm->config;
  drive.options.set("size", wire::print_size(target));
  config.main.set(key, drive.print());
  core.configs().write(lock, config);
}

void check_template(const Core& core, Vmid vmid) {
  const auto vm = core.configs().require(vmid);
  if (is_template(vm->config.main)) throw wire::failure("you can't convert a template to a template");
  if (!vm->config.snapshots.empty()) {
    throw wire::failure("unable to create template, because VM contains snapshots");
  }
  check_unlocked(vm->config.main);
  if (core.is_running(vmid)) throw wire::failure("you can't convert a VM to template if VM is running");
}

void check_removal(const Core& core, Vmid vmid) {
  const auto vm = core.configs().require(vmid);
  if (vm->config.get("protection") == "1") {
    throw wire::failure(fmt::format("can't remove VM {} - protection mode enabled", vmid.value));
  }
  if (core.is_running(vmid))
    throw wire::failure(fmt::format("VM {} is running - destroy failed", vmid.value));
}

}  // namespace

wire::Upid Machines::resize(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  core.configs().require(vmid);
  const std::string key = text(params, "disk");
  const std::string size = text(params, "size");
  return core.locked_task("resize", vmid, caller,
                          [&core, key, size, params](const VmLock& lock, TaskContext& context) {
                            resize_drive(core, lock, key, size, params, context);
                          });
}

wire::Upid Machines::make_template(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  check_template(core, vmid);
  const std::string only = text(params, "disk");
  if (!only.empty() && core.configs().require(vmid)->config.find(only) == nullptr) {
    throw wire::parameter_error("disk", fmt::format("unable to convert disk '{}': it does not exist", only));
  }
  return core.locked_task("qmtemplate", vmid, caller, [&core, vmid](const VmLock& lock, TaskContext&) {
    check_template(core, vmid);
    VmConfig config = core.configs().require(vmid)->config;
    // `template: 1` first: from here on nothing starts it, and a successor of a killed daemon finishes the
    // work.
    config.main.set("template", "1");
    core.records.forget(vmid);
    core.configs().write(lock, config);
    finish_template(core, lock);
    core.publish_hosts();
  });
}

wire::Upid Machines::remove(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  check_removal(core, vmid);
  return core.locked_task(
      "qmdestroy", vmid, caller, [&core, vmid, params](const VmLock& lock, TaskContext& context) {
        check_removal(core, vmid);
        VmConfig config = core.configs().require(vmid)->config;
        if (!flag(params, "skiplock")) check_unlocked(config.main);
        refuse_used_bases(core, vmid, config);
        config.main.set("lock", "destroyed");
        core.configs().write(lock, config);
        finish_removal(core, lock, flag(params, "destroy-unreferenced-disks"));
        if (is_template(config.main)) prune_warm_copies(core);
        if (flag(params, "purge"))
          context.log(fmt::format("purging VM {} from related configurations..", vmid.value));
        core.publish_hosts();
      });
}

}  // namespace hlid::node::vm
