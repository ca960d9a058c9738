// Which privilege each part of a machine's configuration needs (qemu-server, API2/Qemu.pm
// check_vm_create_allowed, check_vm_modify_config_perm).
#pragma once

#include <string>

#include "base/ids.h"
#include "node/service/parts.h"
#include "node/service/verb.h"

namespace hlid::node::service {

/// Throws ApiError: 403 for a missing privilege, 500 for what only root@pam itself may set. `keys` are those
/// that the call sets or deletes.
void require_config_rights(const Parts& parts, const Call& call, Vmid vmid, const std::string& pool = {});
/// Throws ApiError 400 for an ISO image that is not attached as a CD (API2/Qemu.pm, create_disks).
void require_cdrom_for_iso(const Call& call);
/// Space on the storages where the call makes new disks, and the use of the bridges that it names.
void require_disk_and_bridge_rights(const Parts& parts, const Call& call,
                                    const std::string& default_storage = {});

}  // namespace hlid::node::service
