// PUT and POST qemu/ID/config: values, deletions, reversions, and what a running machine takes over at once.
#include <algorithm>
#include <atomic>

#include "base/log.h"
#include "base/text.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "node/vm/hotplug.h"
#include "wire/api_error.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

/// One change, parsed.
struct Change {
  Section values;
  std::vector<std::string> remove;
  std::vector<std::string> revert;
  bool force = false;
  bool skip_lock = false;
  bool empty() const { return values.empty() && remove.empty() && revert.empty(); }
};

std::vector<std::string> option_list(const Params& params, const char* parameter) {
  auto keys = split_list(text(params, parameter), ",; ");
  for (auto& key : keys) {
    if (key == "cdrom") key = "ide2";
    if (!is_option(key)) throw wire::parameter_error(parameter, fmt::format("unknown option '{}'", key));
  }
  return keys;
}

Change parse_change(const Caller& caller, const Params& params) {
  Change change;
  for (const auto& [key, value] : params) {
    if (key == "cdrom") {
      change.values.set("ide2", value + ",media=cdrom");
    } else if (is_option(key) && key != "digest") {
      change.values.set(key, value);
    }
  }
  change.remove = option_list(params, "delete");
  change.revert = option_list(params, "revert");
  change.force = flag(params, "force");
  change.skip_lock = flag(params, "skiplock") && caller.is_root;
  for (const auto& key : change.remove) {
    const bool set = change.values.contains(key);
    if (set)
      throw wire::parameter_error(
          "delete", fmt::format("you can't use '-{}' and -delete {}' at the same time", key, key));
    if (std::find(change.revert.begin(), change.revert.end(), key) != change.revert.end()) {
      throw wire::parameter_error(
          "revert", fmt::format("you can't use '-{}' and '-revert {}' at the same time", key, key));
    }
  }
  if (change.empty()) throw wire::failure("no options specified");
  return change;
}

void check_change(const Core& core, const Caller& caller, const Change& change, const config::StoredVm& vm) {
  const Section& current = vm.config.main;
  for (const auto& [key, value] : change.values) {
    check_plain(key, value);
    if (is_root_only(key, value) && !caller.is_root) {
      throw wire::failure(fmt::format("only root can set '{}' config", key));
    }
    if (qemu::is_disk_key(key)) check_drive(core, caller, qemu::parse_drive(key, value));
  }
  for (const auto& key : change.remove) {
    if (is_root_only(key, current.get(key)) && !caller.is_root && key != "lock") {
      throw wire::failure(fmt::format("only root can delete '{}' config", key));
    }
  }
  if (const auto* keys = change.values.find("sshkeys")) check_ssh_keys(*keys);
  // `lock` itself may be changed by who passes skiplock.
  if (!change.skip_lock) check_unlocked(current);
  if (current.get("protection") != "1") return;
  for (const auto& key : change.remove) {
    const auto parts = wire::split_key(key);
    if (qemu::is_disk_key(key) || (parts && parts->kind == "unused")) {
      throw wire::failure(fmt::format("can't remove drive '{}' - protection mode enabled", key));
    }
  }
}

/// Drops what waits for the keys that are reverted.
void revert(VmConfig& config, const std::vector<std::string>& keys) {
  for (const auto& key : keys) {
    config.pending.erase(key);
    config.drop_deletion(key);
  }
}

void mark_removals(VmConfig& config, const Change& change) {
  for (const auto& key : change.remove) {
    config.pending.erase(key);
    if (!config.main.contains(key)) continue;  // nothing to remove: Proxmox warns and goes on
    config.add_deletion(key, change.force);
    const std::string* pending_boot = config.pending.find("boot");
    Section boot;
    boot.set("boot", pending_boot != nullptr ? *pending_boot : config.get("boot"));
    if (const auto without = boot_without(boot, key); without && change.values.find("boot") == nullptr) {
      config.pending.set("boot", *without);
    }
  }
}

std::string new_value(Core& core, Vmid vmid, const VmConfig& config, const std::string& key,
                      const std::string& value, sys::Rollback& undo, std::stop_token stop,
                      TaskContext* context) {
  if (qemu::is_disk_key(key)) {
    const auto drive = qemu::parse_drive(key, value);
    check_single_cloudinit(config.main, drive);
    return make_drive(core, vmid, drive, context, std::move(stop), undo).value;
  }
  if (wire::is_net_key(key)) return stored_net(key, value, core.parts.random);
  if (key == "tags") return normalised_tags(value);
  if (key == "boot") check_boot_order(config, value);
  if (key == "cipassword") {
    return stored_password(value, config.get("ostype").rfind("win", 0) == 0, core.parts.random);
  }
  if (key == "vmgenid" && value == "1") return core.parts.random.uuid().text;
  return value;
}

void mark_values(Core& core, Vmid vmid, VmConfig& config, const Change& change, sys::Rollback& undo,
                 const std::stop_token& stop, TaskContext* context) {
  for (const auto& [key, value] : change.values) {
    if (key == "boot") continue;  // last: it may name devices of this very change
    const bool is_new = !config.main.contains(key);
    const std::string stored = new_value(core, vmid, config, key, value, undo, stop, context);
    config.pending.set(key, stored);
    config.drop_deletion(key);
    if (!is_new || !wire::is_drive_key(key) || !qemu::parse_drive(key, stored).is_cdrom()) continue;
    if (const auto with = boot_with(config.main, key)) config.pending.set("boot", *with);
  }
  if (const auto* boot = change.values.find("boot")) {
    config.pending.set("boot", new_value(core, vmid, config, "boot", *boot, undo, stop, context));
    config.drop_deletion("boot");
  }
}

/// While a machine runs its drive keeps what it was made with: what that was is remembered until the drive is
/// made anew.
void remember_cloudinit(const Section& before, VmConfig& config) {
  if (!cloudinit_drive_of(before)) return;
  Section& made_with = config.special_section("cloudinit");
  const auto differs = [&](const std::string& key, const std::string* was, const std::string* is) {
    if ((was == nullptr) == (is == nullptr) && (was == nullptr || *was == *is)) return;
    if (was == nullptr) {
      auto added = split_list(made_with.get("added"), ",");
      if (std::find(added.begin(), added.end(), key) == added.end()) added.push_back(key);
      made_with.set("added", join(added, ","));
    } else if (!made_with.contains(key)) {
      made_with.set(key, *was);
    } else if (is != nullptr && made_with.get(key) == *is) {
      made_with.erase(key);
    }
  };
  for (const auto& [key, value] : before) {
    if (is_cloudinit_key(key, true)) differs(key, &value, config.main.find(key));
  }
  for (const auto& [key, value] : config.main) {
    if (is_cloudinit_key(key, true) && !before.contains(key)) differs(key, nullptr, &value);
  }
  if (made_with.empty()) config.drop_special("cloudinit");
}

/// A running machine: what can be done live is done, one key after the other; the rest waits. Throws ApiError
/// 400 with all that failed, after the rest is written.
void apply_running(Core& core, const VmLock& lock, const RunningVmPtr& vm, VmConfig& config) {
  const Section before = config.main;
  std::vector<std::string> keys;
  for (const auto& deletion : config.deletions) keys.push_back(deletion.key);
  for (const auto& [key, value] : config.pending) keys.push_back(key);
  std::map<std::string, std::string> problems;
  std::vector<std::string> release;
  for (const auto& key : keys) {
    try {
      if (!hotplug(core, vm, config, key)) continue;
    } catch (const Error& error) {
      problems[key] = fmt::format("hotplug problem - {}\n", error.message());
      continue;
    }
    const auto more = apply_pending(config, [&key](const std::string& one) { return one == key; });
    release.insert(release.end(), more.begin(), more.end());
  }
  remember_cloudinit(before, config);
  core.configs().write(lock, config);
  for (const auto& volume : release) release_volume(core, lock.vmid(), volume);
  if (!problems.empty()) throw wire::ApiError(400, "Parameter verification failed.\n", problems);
}

void apply_stopped(Core& core, const VmLock& lock, VmConfig& config) {
  const auto release = apply_pending(config, [](const std::string&) { return true; });
  core.configs().write(lock, config);
  for (const auto& volume : release) release_volume(core, lock.vmid(), volume);
}

void change_machine(Core& core, const Caller& caller, const Change& change, const Params& params,
                    const VmLock& lock, std::stop_token stop, TaskContext* context) {
  const auto vm = core.configs().require(lock.vmid());
  check_digest(params, *vm);
  check_change(core, caller, change, *vm);
  VmConfig config = vm->config;
  sys::Rollback undo;
  revert(config, change.revert);
  mark_removals(config, change);
  mark_values(core, lock.vmid(), config, change, undo, stop, context);
  tidy_pending(config);
  if (const auto running = core.runtime.find(lock.vmid())) {
    core.configs().write(lock, config);
    undo.commit();
    apply_running(core, lock, running, config);
  } else {
    apply_stopped(core, lock, config);
    undo.commit();
  }
  core.publish_hosts();
}

/// "-description via post -tags x,y z", without secrets.
std::string told(const Params& params) {
  std::string out;
  for (const auto& [key, value] : params) {
    if (key == "digest" || key == "background_delay" || key == "skiplock") continue;
    out += fmt::format(" -{} {}", key, key == "cipassword" ? "<hidden>" : value);
  }
  return out;
}

}  // namespace

void Machines::set_config(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  as_api_error([&] {
    core.configs().require(vmid);
    const Change change = parse_change(caller, params);
    const VmLock lock = core.configs().lock(vmid);
    change_machine(core, caller, change, params, lock, {}, nullptr);
  });
}

std::optional<wire::Upid> Machines::set_config_task(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  Change change;
  as_api_error([&] {
    const auto vm = core.configs().require(vmid);
    change = parse_change(caller, params);
    check_digest(params, *vm);
    check_change(core, caller, change, *vm);
  });
  const auto upid =
      core.locked_task("qmconfig", vmid, caller,
                       [&core, caller, vmid, change, params](const VmLock& lock, TaskContext& context) {
                         context.log(fmt::format("update VM {}:{}", vmid.value, told(params)));
                         change_machine(core, caller, change, params, lock, context.stop_token(), &context);
                       });
  const auto delay = number(params, "background_delay", 0);
  // Whoever asks for a delay waits that long for the end; the result is the task's, so an error keeps it
  // visible.
  for (long long waited = 0; waited < delay * 20; ++waited) {
    const auto status = core.parts.tasks.status(upid);
    if (!status.running) {
      if (status.status == "OK") return std::nullopt;
      break;
    }
    core.parts.clock.sleep(std::chrono::milliseconds(50));
  }
  return upid;
}

void Machines::unlink(const Caller& caller, Vmid vmid, const Params& params) {
  Params change{{"delete", text(params, "idlist")}};
  if (flag(params, "force")) change["force"] = "1";
  set_config(caller, vmid, change);
}

void Machines::regenerate_cloudinit(const Caller&, Vmid vmid) {
  Core& core = *core_;
  as_api_error([&] {
    const VmLock lock = core.configs().lock(vmid);
    const auto vm = core.configs().require(vmid);
    check_unlocked(vm->config.main);
    VmConfig config = vm->config;
    write_cloudinit(core, vmid, config.main);
    if (const auto running = core.runtime.find(vmid)) reload_cloudinit(core, running, config.main);
    config.drop_special("cloudinit");
    core.configs().write(lock, config);
  });
}

}  // namespace hlid::node::vm
