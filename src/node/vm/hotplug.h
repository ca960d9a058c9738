// What a running machine can be given without a restart. Internal to this module.
#pragma once

#include <string>

#include "node/vm/core.h"

namespace hlid::node::vm {

/// Does the pending change of `key` (a value or a deletion) to the running machine. False when it must wait
/// for the next start. Throws Error with the reason when it was tried and refused ("can't unplug bootdisk
/// 'virtio0'").
bool hotplug(Core& core, const RunningVmPtr& vm, const VmConfig& config, const std::string& key);

/// Gives the running machine its cloud-init disc as it is now on the storage.
void reload_cloudinit(const Core& core, const RunningVmPtr& vm, const Section& values);

}  // namespace hlid::node::vm
