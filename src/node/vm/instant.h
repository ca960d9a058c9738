// Machines that are resumed from their template's warm copy at their first start (node/instant). Internal to
// this module.
#pragma once

#include "node/vm/core.h"

namespace hlid::node::vm {

/// Whether a clone of a template with this configuration and description is to be instant.
bool can_be_instant(const Core& core, const Section& source, const std::string& description);

/// Notes what a new clone is made of and makes its host keys. `source` is the template's configuration.
void remember_instant(Core& core, Vmid vmid, const Section& source, const Section& clone, bool full);

/// The first start of an instant machine: true when it runs as itself. False when it is to be booted, which
/// the task log then gives the reason for; its disk is fit for that. Throws Error(interrupted).
bool resume_instant(Core& core, const VmLock& lock, const Section& values, TaskContext& context);

/// From now on like any other machine; one that was cloned as a whole still has to get its own content.
void settle(Core& core, Vmid vmid, instant::Record record);

/// Gives machines that were resumed what they lack: services, should a killed daemon not have come that far,
/// and the rest of their memory.
void complete_instant(Core& core);

/// For the daemon's start: ends machines that a killed daemon left half resumed, and removes warm copies that
/// nothing needs.
void repair_instant(Core& core);
void prune_warm_copies(Core& core);

/// Fills the disks of machines that were cloned as a whole but run with their template's content, one look
/// at each. Called again and again by the daemon.
void detach_disks(Core& core);
/// Ends a filling that is in the way of another change of the disk; it is begun anew later.
void pause_detaching(const Core& core, const RunningVmPtr& vm);

}  // namespace hlid::node::vm
