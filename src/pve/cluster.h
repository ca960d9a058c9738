#pragma once
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "pve/session.h"

/// What concerns the whole cluster. (pve-manager, API2/Cluster.pm.)
namespace hlid::pve {

/// A row of GET /cluster/resources. A real Proxmox shows a new guest without name and numbers for up to ten
/// seconds; fields that are absent are empty or zero.
struct Resource {
  std::string type;  ///< qemu, lxc, node, storage, sdn, pool
  std::string id;    ///< "qemu/100"
  std::string node;
  Vmid vmid;  ///< guests only
  std::string name;
  std::string status;
  std::string tags;
  bool is_template = false;
  int cpus = 0;
  Bytes memory, disk;
};

/// `type`: "", vm, storage, node, sdn.
std::vector<Resource> resources(const Session& session, const std::string& type = {});
Vmid next_id(const Session& session);
/// False when a guest has that number.
bool is_free(const Session& session, Vmid vmid);

}  // namespace hlid::pve
