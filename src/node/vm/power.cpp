// Start, stop, shutdown, reboot, reset, suspend, resume.
#include "node/vm/power.h"

#include <csignal>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "node/qemu/command_line.h"
#include "node/vm/config_rules.h"
#include "node/vm/disks.h"
#include "node/vm/instant.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::vm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How long QEMU may take until its guest's first instruction; generous, because a loaded host is no failure.
constexpr seconds kLaunchTime{120};

StoredVmPtr check_startable(const Core& core, Vmid vmid, const Params& params) {
  auto vm = core.configs().require(vmid);
  if (is_template(vm->config.main)) throw wire::failure("you can't start a vm if it's a template");
  if (!flag(params, "skiplock")) check_unlocked(vm->config.main);
  if (core.is_running(vmid)) throw wire::failure(fmt::format("VM {} already running", vmid.value));
  return vm;
}

/// What was changed while it ran takes effect now.
StoredVmPtr settle_pending(Core& core, const VmLock& lock, const StoredVmPtr& vm) {
  VmConfig config = vm->config;
  const auto release = apply_pending(config, [](const std::string&) { return true; });
  config.drop_special("cloudinit");
  if (config == vm->config) return vm;
  auto written = core.configs().write(lock, config);
  for (const auto& volume : release) release_volume(core, lock.vmid(), volume);
  return written;
}

/// UEFI variables of a machine without efidisk0 live as long as QEMU does.
void make_volatile_firmware(const Core& core, Vmid vmid, const Section& values) {
  if (values.get("bios") != "ovmf" || values.contains("efidisk0")) return;
  std::filesystem::copy_file(core.parts.facts.ovmf_vars, core.runtime.file(vmid, "ovmf.fd"),
                             std::filesystem::copy_options::overwrite_existing);
}

void signal_and_wait(Core& core, const RunningVmPtr& vm, int signal, const char* name, TaskContext& context) {
  context.log(fmt::format("VM still running - terminating now with {}", name));
  sys::send_signal(vm->process, signal);
  core.runtime.wait_end(vm, seconds(signal == SIGKILL ? 30 : 10), {});
}

/// The agent if there is one that answers, else the power button.
void ask_to_shut_down(const Core& core, const RunningVmPtr& vm, TaskContext& context) {
  const auto stored = core.configs().find(vm->vmid);
  const auto agent =
      wire::PropertyString::parse(stored != nullptr ? stored->config.get("agent") : "", "enabled");
  if (agent.get_bool("enabled", false)) {
    try {
      if (const auto reply = vm->agent.call("guest-shutdown"); !reply.error) return;
    } catch (const Error& error) {
      context.log(fmt::format("QEMU Guest Agent is not running - {}",
                              replace_all(error.message(), "guest-shutdown", "guest-ping")));
    }
  }
  vm->qmp()->execute("system_powerdown");
}

milliseconds timeout_of(const Params& params, long long fallback) {
  return seconds(std::max<long long>(0, number(params, "timeout", fallback)));
}

void shut_down_or_stop(Core& core, const RunningVmPtr& vm, const Params& params, TaskContext& context) {
  if (shut_down(core, vm, timeout_of(params, 60), context) == Gone::yes) return;
  if (!flag(params, "forceStop")) throw wire::failure("VM quit/powerdown failed - got timeout");
  signal_and_wait(core, vm, SIGTERM, "SIGTERM", context);
  if (core.runtime.find(vm->vmid) == vm) signal_and_wait(core, vm, SIGKILL, "SIGKILL", context);
}

/// A shutdown that waits for a guest holds the machine's lock; who wants to stop it need not wait for that.
void end_shutdown_tasks(const Core& core, Vmid vmid) {
  task::TaskFilter filter;
  filter.source = task::Source::active;
  filter.type = "qmshutdown";
  filter.vmid = to_string(vmid);
  for (const auto& entry : core.parts.tasks.list(filter).entries) {
    if (entry.running) core.parts.tasks.stop(entry.upid);
  }
}

void reboot_machine(Core& core, const VmLock& lock, const Params& params, TaskContext& context) {
  const auto vm = core.require_running(lock.vmid());
  if (shut_down(core, vm, timeout_of(params, 60), context) == Gone::no) {
    throw wire::failure("VM quit/powerdown failed - got timeout");
  }
  start_locked(core, lock, {}, context);
}

}  // namespace

std::vector<network::Tap> taps_of(Vmid vmid, const Section& values) {
  std::vector<network::Tap> taps;
  for (const auto& card : qemu::nets_of(values)) {
    if (const auto tap = tap_of(vmid, card)) taps.push_back(*tap);
  }
  return taps;
}

void launch(const Core& core, Vmid vmid, const std::vector<std::string>& command, bool in_network,
            TaskContext& context) {
  std::vector<std::string> argv =
      in_network ? core.parts.network.command_prefix() : std::vector<std::string>();
  argv.insert(argv.end(), command.begin(), command.end());
  sys::Command run{.argv = argv, .timeout = kLaunchTime};
  const auto result = core.parts.processes.run(run, context.stop_token());
  if (result.ok()) return;
  for (const auto& line : split(result.error_output, '\n')) {
    if (!trim(line).empty()) context.log(line);
  }
  if (result.ending == sys::Ending::cancelled) throw Error(Errc::interrupted, "received interrupt");
  throw wire::failure(fmt::format("start failed: QEMU of VM {} {}", vmid.value, result.describe()));
}

void adjust_running(const RunningVmPtr& vm, const Section& values) {
  const auto qmp = vm->qmp();
  for (const auto& card : qemu::nets_of(values)) {
    if (card.link_down) qmp->execute("set_link", {{"name", fmt::format("net{}", card.index)}, {"up", false}});
  }
}

void kill_qemu(Core& core, const RunningVmPtr& vm) {
  vm->ending = true;
  sys::send_signal(vm->process, SIGKILL);
  core.runtime.wait_end(vm, seconds(10), {});
}

std::optional<network::Tap> tap_of(Vmid vmid, const qemu::NetCard& card) {
  if (card.bridge.empty()) return std::nullopt;
  network::Tap tap{vmid, card.index, card.bridge};
  if (card.queues > 1 && card.model == "virtio") tap.queues = card.queues;
  if (card.mtu && *card.mtu > 1) tap.mtu = card.mtu;
  tap.tag = card.tag;
  return tap;
}

void start_machine(Core& core, Vmid vmid, const Params& params, TaskContext& context) {
  const VmLock lock = core.lock(vmid, context);
  start_locked(core, lock, params, context);
}

void start_locked(Core& core, const VmLock& lock, const Params& params, TaskContext& context) {
  const Vmid vmid = lock.vmid();
  const StoredVmPtr vm = settle_pending(core, lock, check_startable(core, vmid, params));
  const Section& values = vm->config.main;
  if (cloudinit_drive_of(values)) {
    context.log("generating cloud-init ISO");
    write_cloudinit(core, vmid, values);
  }
  if (resume_instant(core, lock, values, context)) return;
  if (values.contains("tpmstate0")) throw wire::failure("TPM state is not supported by this node");
  const auto command = qemu::build_command(vmid, values, core.parts.facts, places_of(core, values));
  make_volatile_firmware(core, vmid, values);
  const auto taps = taps_of(vmid, values);
  sys::Rollback undo;
  if (!taps.empty()) {
    undo.on_failure([&core, vmid] {
      try {
        core.parts.network.remove_taps(vmid);
      } catch (const std::exception& error) {
        log::warn("machine {}: its taps are still there: {}", vmid.value, error.what());
      }
    });
    core.parts.network.add_taps(taps);
  }
  launch(core, vmid, command, !taps.empty(), context);
  undo.on_failure([&core, vmid] {  // its monitor never answered: it must not run on unseen
    if (const auto left = core.runtime.find(vmid)) kill_qemu(core, left);
  });
  const auto running = core.runtime.attach(vmid);
  undo.commit();
  adjust_running(running, values);
}

Gone shut_down(Core& core, const RunningVmPtr& vm, milliseconds timeout, TaskContext& context) {
  vm->ending = true;
  const auto until = std::chrono::steady_clock::now() + timeout;
  ask_to_shut_down(core, vm, context);
  const auto left = std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
  if (core.runtime.wait_end(vm, std::max(left, milliseconds(100)), context.stop_token())) return Gone::yes;
  if (context.stop_token().stop_requested()) throw Error(Errc::interrupted, "received interrupt");
  return Gone::no;
}

void end_qemu(Core& core, const RunningVmPtr& vm, TaskContext& context) {
  vm->ending = true;
  try {
    vm->qmp()->execute("quit");
  } catch (const Error& error) {  // it may close before it replies; signals follow if it does not go
    log::debug("machine {}: quit: {}", vm->vmid.value, error.what());
  }
  if (core.runtime.wait_end(vm, seconds(15), {})) return;
  signal_and_wait(core, vm, SIGTERM, "SIGTERM", context);
  if (core.runtime.find(vm->vmid) == vm) signal_and_wait(core, vm, SIGKILL, "SIGKILL", context);
}

wire::Upid Machines::start(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  return core.locked_task("qmstart", vmid, caller, [&core, params](const VmLock& lock, TaskContext& context) {
    start_locked(core, lock, params, context);
  });
}

wire::Upid Machines::stop(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  core.configs().require(vmid);
  if (flag(params, "overrule-shutdown")) end_shutdown_tasks(core, vmid);
  return core.locked_task("qmstop", vmid, caller, [&core, vmid](const VmLock& lock, TaskContext& context) {
    if (const auto vm = core.runtime.find(vmid)) {
      end_qemu(core, vm, context);
      settle_pending(core, lock, core.configs().require(vmid));
    }
  });
}

wire::Upid Machines::shutdown(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  core.configs().require(vmid);
  if (const auto vm = core.runtime.find(vmid); vm != nullptr && vm->paused && !flag(params, "forceStop")) {
    throw wire::failure("VM is paused - cannot shutdown");
  }
  return core.locked_task("qmshutdown", vmid, caller,
                          [&core, vmid, params](const VmLock& lock, TaskContext& context) {
                            const auto vm = core.runtime.find(vmid);
                            if (vm == nullptr) return;
                            if (vm->paused) {
                              end_qemu(core, vm, context);
                            } else {
                              shut_down_or_stop(core, vm, params, context);
                            }
                            settle_pending(core, lock, core.configs().require(vmid));
                          });
}

wire::Upid Machines::reboot(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  core.require_running(vmid);
  return core.locked_task("qmreboot", vmid, caller,
                          [&core, params](const VmLock& lock, TaskContext& context) {
                            reboot_machine(core, lock, params, context);
                          });
}

wire::Upid Machines::reset(const Caller& caller, Vmid vmid, const Params&) {
  Core& core = *core_;
  core.require_running(vmid);
  return core.locked_task("qmreset", vmid, caller, [&core, vmid](const VmLock&, TaskContext&) {
    core.require_running(vmid)->qmp()->execute("system_reset");
  });
}

wire::Upid Machines::suspend(const Caller& caller, Vmid vmid, const Params& params) {
  Core& core = *core_;
  core.require_running(vmid);
  if (flag(params, "todisk")) throw wire::failure("suspending to disk is not supported by this node");
  return core.locked_task("qmpause", vmid, caller, [&core, vmid](const VmLock&, TaskContext&) {
    core.require_running(vmid)->qmp()->execute("stop");
  });
}

wire::Upid Machines::resume(const Caller& caller, Vmid vmid, const Params&) {
  Core& core = *core_;
  core.require_running(vmid);
  return core.locked_task("qmresume", vmid, caller, [&core, vmid](const VmLock&, TaskContext&) {
    core.require_running(vmid)->qmp()->execute("cont");
  });
}

}  // namespace hlid::node::vm
