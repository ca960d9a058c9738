#pragma once
#include <vector>

#include "model/homelab.h"
#include "model/observed.h"
#include "pve/session.h"

/// Machines of a lab that its file does not name any more: groups that were made smaller or renamed. They may
/// be members of the cluster still, even all of it, and are taken along until they have left: a plan that did
/// not see them would found a second cluster beside them.
namespace hlid::drive {

/// Those of ours that are there, by name, VMID, node and address. Each as a server: what it is shows inside.
std::vector<model::Machine> former_machines(const model::Homelab& lab, const model::Observed& there);

/// Those that are, or were, members, with the role that they have in the cluster.
std::vector<model::Machine> former_members(std::vector<model::Machine> former,
                                           const model::ObservedCluster& cluster);

/// Those that the hypervisor still has: a run destroys them one after the other.
std::vector<model::Machine> still_there(const pve::Session& session, std::vector<model::Machine> former);

/// The lab with them behind its own machines.
model::Homelab with_former(model::Homelab lab, const std::vector<model::Machine>& former);

}  // namespace hlid::drive
