// The volumes behind drive values: making, importing, attaching, releasing. Internal to this module.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "node/qemu/command_line.h"
#include "node/vm/core.h"
#include "sys/rollback.h"

namespace hlid::node::vm {

/// What a drive parameter asks for.
enum class DriveRequest {
  allocate,   // local:32
  import,     // local:0,import-from=…
  cloudinit,  // local:cloudinit
  existing,   // local:100/vm-100-disk-0.raw
  medium,     // none, cdrom: no volume of ours
};
DriveRequest request_of(const qemu::Drive& drive);

/// Early checks of a drive parameter, those that Proxmox makes before it starts a task: the storage exists
/// and holds images, an ISO is declared as one. Throws ApiError with Proxmox's texts.
void check_drive(const Core& core, const Caller& caller, const qemu::Drive& drive);

struct MadeDrive {
  std::string value;     // what goes into the config
  bool created = false;  // it is a new volume
};
/// Does what the parameter asks for. A new volume is removed again by `undo` unless that is committed.
MadeDrive make_drive(Core& core, Vmid vmid, qemu::Drive drive, TaskContext* context, std::stop_token stop,
                     sys::Rollback& undo);

/// Removes a volume of this very machine ("vm-100-…", "base-100-…"); others' are left alone. False if it was.
bool release_volume(const Core& core, Vmid vmid, const std::string& volume);
bool is_owner(const Core& core, Vmid vmid, const std::string& volume);
/// Puts a volume that is no longer attached under the next free unusedN.
void add_unused(Section& values, const std::string& volume);
/// Every volume that the config names, snapshots and pending changes included.
std::vector<std::string> volumes_of(const VmConfig& config);

/// Where QEMU finds the volumes of the main section; throws ApiError "volume 'x' does not exist".
qemu::Places places_of(const Core& core, const Section& values);

/// Writes the cloud-init drive anew, at once or not at all. `values` is what it says.
void write_cloudinit(const Core& core, Vmid vmid, const Section& values);
/// The drive that holds it; nullptr-like empty key when there is none.
std::optional<qemu::Drive> cloudinit_drive_of(const Section& values);
/// Throws ApiError "ide3 - cloud-init drive is already attached at 'ide2'".
void check_single_cloudinit(const Section& values, const qemu::Drive& added);

/// Up to whole sectors of 4 KiB: with O_DIRECT, QEMU opens no other disk for writing on such a host disk.
Bytes whole_sectors(Bytes size);

/// Logs a copy's progress as Proxmox does, some ten times at most.
storage::CopyProgress log_progress(TaskContext* context);

}  // namespace hlid::node::vm
