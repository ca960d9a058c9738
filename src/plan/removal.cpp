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
    if (!refuse_locked(draft, machine)) add_removal(draft, machine, Disruption::destroy, reason);
    return;
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
  } else if (!refuse_locked(draft, machine)) {
    add_removal(draft, machine, Disruption::replace, text);
  }
}

}  // namespace

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
