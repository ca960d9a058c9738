// The second halves of multi-step changes, which the verbs run and which the next daemon runs for one that
// was killed in between. Internal to this module.
#pragma once

#include "node/vm/core.h"

namespace hlid::node::vm {

/// Every disk of a machine with `template: 1` becomes a base volume; done ones are left alone.
void finish_template(Core& core, const VmLock& lock);
/// Removes the volumes of a machine (with `lock: destroyed`) and last its config. `all`: also those it does
/// not name.
void finish_removal(Core& core, const VmLock& lock, bool all);
/// Throws ApiError when linked clones of the machine's base volumes exist.
void refuse_used_bases(const Core& core, Vmid vmid, const VmConfig& config);
/// Looks at every config for what a killed daemon left half made (lock create, clone, destroyed; templates).
void repair_all(Core& core);

}  // namespace hlid::node::vm
