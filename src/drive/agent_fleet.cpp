#include "drive/agent_fleet.h"

#include "base/error.h"
#include "drive/agent_guest.h"
#include "drive/readiness.h"
#include "pve/cluster.h"

namespace hlid::drive {

AgentFleet::AgentFleet(const model::Homelab& lab, pve::Session session, DiscShelf& shelf, bool emulated)
    : lab_(lab),
      session_(std::move(session)),
      shelf_(shelf),
      boot_patience_(Deadlines::usual(emulated).agent) {}

/// One node: the file's VMID is asked directly. Else, for a machine that the file does not name, and for one
/// that the file gives another VMID, the list of guests says where it is.
std::optional<AgentFleet::Place> AgentFleet::find(const std::string& machine) const {
  std::optional<Place> place;
  const auto is_at = [&](const pve::VmRef& vm) {
    auto found = look_at(session_, lab_.name, machine, vm);
    const bool ours = found.claim == Claim::ours;
    if (found.claim != Claim::absent) place = Place{vm, std::move(found)};
    return ours;
  };
  if (lab_.proxmox.nodes.size() == 1)
    for (const auto& wanted : lab_.machines)
      if (wanted.name == machine && is_at({wanted.node, wanted.vmid})) return place;
  for (const auto& guest : pve::resources(session_, "vm"))
    if (guest.name == machine && guest.type == "qemu" && is_at({guest.node, guest.vmid})) return place;
  return place;
}

std::unique_ptr<cluster::Guest> AgentFleet::guest(const std::string& machine) {
  const auto place = find(machine);
  if (!place) throw Error(Errc::not_found, "the hypervisor has no machine '{}'", machine);
  if (place->found.claim != Claim::ours) throw foreign_machine(place->found, lab_.name, machine, place->vm);
  return std::make_unique<AgentGuest>(machine, session_, place->vm, shelf_, boot_patience_);
}

bool AgentFleet::runs(const std::string& machine) {
  const auto place = find(machine);
  if (!place || place->found.claim != Claim::ours) return false;
  const auto status = pve::find_status(session_, place->vm);
  return status && status->running();
}

}  // namespace hlid::drive
