// Starting and ending machines, as other verbs use it. Internal to this module.
#pragma once

#include "node/vm/core.h"

namespace hlid::node::vm {

/// The whole of qmstart. Takes the config lock unless the caller holds it and passes it.
void start_machine(Core& core, Vmid vmid, const Params& params, TaskContext& context);
void start_locked(Core& core, const VmLock& lock, const Params& params, TaskContext& context);

/// Runs a machine's QEMU until it has daemonised itself. Throws ApiError with what it said.
void launch(const Core& core, Vmid vmid, const std::vector<std::string>& command, bool in_network,
            TaskContext& context);
std::vector<network::Tap> taps_of(Vmid vmid, const Section& values);
/// What the command line cannot say.
void adjust_running(const RunningVmPtr& vm, const Section& values);
/// Kills it without asking.
void kill_qemu(Core& core, const RunningVmPtr& vm);

/// The tap of a card on a bridge.
std::optional<network::Tap> tap_of(Vmid vmid, const qemu::NetCard& card);

enum class Gone { yes, no };
/// Asks the guest, by agent or ACPI, and waits. `no` when it did not follow in time.
Gone shut_down(Core& core, const RunningVmPtr& vm, std::chrono::milliseconds timeout, TaskContext& context);
/// Ends QEMU: `quit`, then SIGTERM, then SIGKILL.
void end_qemu(Core& core, const RunningVmPtr& vm, TaskContext& context);

}  // namespace hlid::node::vm
