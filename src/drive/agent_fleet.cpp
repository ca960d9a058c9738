#include "drive/agent_fleet.h"

#include "base/error.h"
#include "drive/agent_guest.h"
#include "drive/ownership.h"
#include "drive/readiness.h"
#include "pve/cluster.h"

namespace hlid::drive {

AgentFleet::AgentFleet(const model::Homelab& lab, pve::Session session, DiscShelf& shelf, bool emulated)
    : lab_(lab),
      session_(std::move(session)),
      shelf_(shelf),
      boot_patience_(Deadlines::usual(emulated).agent) {}

/// One node: the file's VMID is asked directly. Else, and for a machine that the file does not name, the list
/// of guests says where it is.
std::optional<pve::VmRef> AgentFleet::find(const std::string& machine) const {
  if (lab_.proxmox.nodes.size() == 1)
    for (const auto& wanted : lab_.machines)
      if (wanted.name == machine) return pve::VmRef{wanted.node, wanted.vmid};
  for (const auto& guest : pve::resources(session_, "vm"))
    if (guest.name == machine && guest.type == "qemu") return pve::VmRef{guest.node, guest.vmid};
  return std::nullopt;
}

std::unique_ptr<cluster::Guest> AgentFleet::guest(const std::string& machine) {
  const auto vm = find(machine);
  if (!vm) throw Error(Errc::not_found, "the hypervisor has no machine '{}'", machine);
  const auto found = look_at(session_, lab_.name, machine, *vm);
  if (found.claim == Claim::absent)
    throw Error(Errc::not_found, "VM {} ('{}') does not exist on {}", to_string(vm->vmid), machine, vm->node);
  if (found.claim != Claim::ours) throw foreign_machine(found, lab_.name, machine, *vm);
  return std::make_unique<AgentGuest>(machine, session_, *vm, shelf_, boot_patience_);
}

bool AgentFleet::runs(const std::string& machine) {
  const auto vm = find(machine);
  if (!vm || look_at(session_, lab_.name, machine, *vm).claim != Claim::ours) return false;
  const auto status = pve::find_status(session_, *vm);
  return status && status->running();
}

}  // namespace hlid::drive
