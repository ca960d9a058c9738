#include <map>

#include <fmt/format.h>

#include "plan/draft.h"

namespace hlid::plan {
namespace {

using model::Disruption;
using model::ObservedMachine;
using model::Power;

/// A machine of ours that the file does not name: removed with consent, otherwise held.
void plan_extra(Draft& draft, const ObservedMachine& machine) {
  const auto consent = "destroy=" + machine.name;
  const auto reason = fmt::format("'{}' is not in the file", machine.name);
  if (draft.allowed(consent)) {
    if (wait_to_be_seen(draft, machine)) return;
    if (!refuse_locked(draft, machine) && !refuse_parting(draft, machine))
      add_removal(draft, machine, Disruption::destroy, reason);
    return;
  }
  if (auto parting = parting_of(draft, machine, Disruption::destroy, reason)) {
    parting->consent = consent;
    draft.hold(std::move(*parting));
  }
  for (auto& step : removal_of(draft.wanted, machine, Disruption::destroy, reason)) {
    step.consent = consent;
    draft.hold(std::move(step));
  }
}

/// A machine of the file that is there under another VMID than the file says.
void plan_moved(Draft& draft, const ObservedMachine& machine, const model::Machine& wanted) {
  const auto consent = "replace=" + machine.name;
  const auto text =
      fmt::format("'{}' has VMID {}, the file says {}", machine.name, machine.vmid.value, wanted.vmid.value);
  if (!draft.allowed(consent)) {
    draft.refuse(
        "vmid-changed", machine.name, text + "; a VMID cannot change",
        fmt::format("write {} in the file, or lose its data: --allow {}", machine.vmid.value, consent));
  } else if (!refuse_locked(draft, machine) && !refuse_parting(draft, machine)) {
    add_removal(draft, machine, Disruption::replace, text);
  }
}

/// No server would be left that etcd counts, and none can be made before this one goes.
bool is_last_server(const Draft& draft, const ObservedMachine& machine) {
  if (!draft.members.answers() || !draft.members.is_server(machine.name)) return false;
  for (const auto& name : draft.members.counted())
    if (name != machine.name && draft.left.count(name) == 0) return false;
  for (const auto& wanted : draft.wanted.machines) {
    const bool in_its_place = wanted.name == machine.name || wanted.vmid == machine.vmid ||
                              (machine.address && machine.address->address == wanted.address.address);
    if (wanted.role == model::Role::server && !in_its_place) return false;
  }
  return true;
}

}  // namespace

bool wait_to_be_seen(Draft& draft, const ObservedMachine& machine) {
  if (draft.members.formation() != Formation::unseen) return false;
  draft.notice("cluster-unseen", machine.name,
               fmt::format("'{}' is removed once the cluster could be looked at", machine.name));
  return true;
}

std::optional<Step> parting_of(const Draft& draft, const ObservedMachine& machine, Disruption disruption,
                               const std::string& reason) {
  if (!draft.members.answers() || !draft.members.knows(machine.name)) return std::nullopt;
  if (is_last_server(draft, machine)) return std::nullopt;
  const auto* inside = draft.members.inside(machine.name);
  const bool alive =
      machine.power == Power::running && inside != nullptr && inside->reachable && inside->active;
  return make_step(alive ? StepKind::leave_cluster : StepKind::forget_member, machine.name, machine.vmid,
                   machine.node, disruption, {reason});
}

bool refuse_parting(Draft& draft, const ObservedMachine& machine) {
  const auto& members = draft.members;
  if (members.formation() == Formation::silent && members.knows(machine.name)) {
    draft.refuse(
        "cluster-silent", machine.name,
        fmt::format("'{}' is a member of a cluster that does not answer, and cannot leave it", machine.name),
        "bring its servers back ('hlid status' says what they lack), or: hlid cluster restore");
    return true;
  }
  if (!is_last_server(draft, machine)) return false;
  draft.refuse("last-server", machine.name,
               fmt::format("'{}' is the last server: the cluster would be lost with it", machine.name),
               "give the file further servers first, or destroy all of it: hlid destroy");
  return true;
}

bool refuse_locked(Draft& draft, const ObservedMachine& machine) {
  if (machine.lock.empty() || has_making_lock(machine)) return false;
  draft.refuse(
      "machine-locked", machine.name, fmt::format("'{}' is locked ({})", machine.name, machine.lock),
      fmt::format("wait until that is over; if nothing is at work: qm unlock {}", machine.vmid.value));
  return true;
}

std::vector<Step> removal_of(const model::Homelab& wanted, const ObservedMachine& machine,
                             Disruption disruption, const std::string& reason) {
  std::vector<Step> steps;
  const auto name = machine.name.empty() ? fmt::format("VM {}", machine.vmid.value) : machine.name;
  const auto add = [&](StepKind kind, Disruption of) -> Step& {
    steps.push_back(make_step(kind, name, machine.vmid, machine.node, of, {reason}));
    return steps.back();
  };
  if (!machine.lock.empty()) add(StepKind::unlock, Disruption::none);
  if (machine.power == Power::running) add(StepKind::shutdown, disruption);
  if (machine.power == Power::paused) add(StepKind::stop, disruption);
  const bool as_template = machine.is_template || machine.vmid == wanted.image.vmid;  // perhaps not yet one
  const auto kind = as_template ? StepKind::destroy_template : StepKind::destroy;
  add(kind, disruption);
  return steps;
}

std::size_t add_removal(Draft& draft, const ObservedMachine& machine, Disruption disruption,
                        const std::string& reason, const std::vector<std::optional<std::size_t>>& after) {
  std::size_t last = 0;
  auto before = after;
  if (auto parting = parting_of(draft, machine, disruption, reason)) {
    last = draft.add(std::move(*parting), before);
    draft.left[machine.name] = last;
    before = {last};
  }
  for (auto& step : removal_of(draft.wanted, machine, disruption, reason)) {
    last = draft.add(std::move(step), before);
    before = {last};
  }
  draft.removed[machine.vmid] = last;
  if (machine.address) draft.removed_addresses[machine.address->address] = last;
  return last;
}

void plan_removals(Draft& draft) {
  std::map<std::string, const model::Machine*> by_name;
  for (const auto& machine : draft.wanted.machines) by_name.emplace(machine.name, &machine);
  for (const auto& machine : draft.there.machines) {
    if (machine.is_template || machine.name == draft.wanted.image.name || !is_ours(machine, draft.lab()))
      continue;
    const auto wanted = by_name.find(machine.name);
    if (wanted == by_name.end()) {
      plan_extra(draft, machine);
    } else if (wanted->second->vmid != machine.vmid) {
      plan_moved(draft, machine, *wanted->second);
    }
  }
}

}  // namespace hlid::plan
