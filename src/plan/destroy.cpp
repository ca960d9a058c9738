#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "plan/draft.h"

namespace hlid::plan {
namespace {

using model::Disruption;
using model::ObservedMachine;

/// Nameless leftovers of our own interrupted clones, by the journal.
bool is_known_leftover(const Draft& draft, const ObservedMachine& machine) {
  if (!is_nameless_leftover(machine)) return false;
  for (const auto& wanted : draft.wanted.machines)
    if (wanted.vmid == machine.vmid) return draft.was_unfinished(StepKind::clone, wanted.name);
  return machine.vmid == draft.wanted.image.vmid &&
         draft.was_unfinished(StepKind::create_template, draft.wanted.image.name);
}

bool is_mine(const Draft& draft, const ObservedMachine& machine) {
  return is_ours(machine, draft.lab()) || is_known_leftover(draft, machine);
}

std::vector<const ObservedMachine*> all_of(const Draft& draft) {
  std::vector<const ObservedMachine*> out;
  for (const auto& machine : draft.there.machines)
    if (!machine.is_template && machine.name != draft.wanted.image.name &&
        machine.vmid != draft.wanted.image.vmid && is_mine(draft, machine))
      out.push_back(&machine);
  return out;
}

/// The template and older ones; also one that never was finished.
std::vector<const ObservedMachine*> templates_of(const Draft& draft) {
  std::vector<const ObservedMachine*> out;
  for (const auto& machine : draft.there.machines)
    if ((machine.is_template || machine.name == draft.wanted.image.name ||
         machine.vmid == draft.wanted.image.vmid) &&
        is_mine(draft, machine))
      out.push_back(&machine);
  return out;
}

void refuse_unknown(Draft& draft, const std::string& name) {
  const auto& guests = draft.index.named(name);
  if (!guests.empty()) {
    draft.refuse("not-ours", name,
                 fmt::format("'{}' (VM {}) is not ours: {}", name, guests.front()->vmid.value,
                             why_not_ours(*guests.front(), draft.lab())),
                 "hlid destroys only what it made");
    return;
  }
  std::vector<std::string> known;
  for (const auto* machine : all_of(draft)) known.push_back(machine->name);
  const auto near = suggest(name, known);
  draft.refuse("not-found", name, fmt::format("there is no machine '{}'", name),
               !near.empty()   ? fmt::format("did you mean '{}'?", near)
               : known.empty() ? "this lab has no machines"
                               : fmt::format("there are: {}", join(known, ", ")));
}

std::vector<const ObservedMachine*> chosen_by(Draft& draft, const std::vector<std::string>& names) {
  std::vector<const ObservedMachine*> chosen;
  const auto all = all_of(draft);
  for (const auto& name : names) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto* machine) { return machine->name == name; });
    if (found == all.end()) {
      refuse_unknown(draft, name);
    } else if (std::find(chosen.begin(), chosen.end(), *found) == chosen.end()) {
      chosen.push_back(*found);
    }
  }
  return chosen;
}

/// Guests at the VMIDs of the file that stay, because they are not proven ours.
void note_others(Draft& draft) {
  for (const auto& wanted : draft.wanted.machines) {
    const auto* guest = draft.index.at(wanted.vmid);
    if (guest == nullptr || is_mine(draft, *guest)) continue;
    draft.notice("not-ours", guest->name,
                 fmt::format("'{}' (VM {}) stays: {}", guest->name, guest->vmid.value,
                             why_not_ours(*guest, draft.lab())));
  }
}

/// A making lock is not refused: the run that set it is over, or the caller would not hold the lab's lock.
void remove_all(Draft& draft, const std::vector<const ObservedMachine*>& machines) {
  for (const auto* machine : machines)
    if (!refuse_locked(draft, *machine)) add_removal(draft, *machine, Disruption::destroy, "to be destroyed");
}

/// Proxmox refuses to remove a template that has linked clones: the machines go first.
void remove_templates(Draft& draft) {
  const auto machines = draft.plan.steps.size();
  std::vector<std::size_t> last_steps;
  for (const auto& [vmid, step] : draft.removed) last_steps.push_back(step);
  remove_all(draft, templates_of(draft));
  for (auto step = machines; step < draft.plan.steps.size(); ++step)
    for (const auto before : last_steps) draft.plan.edges.emplace_back(before, step);
}

}  // namespace

Plan make_destroy_plan(const model::Homelab& wanted, const model::Observed& there,
                       const DestroyOptions& options) {
  Options as_plan;
  as_plan.unfinished = options.unfinished;
  // with all machines the cluster goes, too: nobody need leave it
  auto looked_at = there;
  if (options.names.empty()) looked_at.cluster.reset();
  Draft draft(wanted, looked_at, as_plan);
  if (options.names.empty()) plan_publish_nothing(draft);
  remove_all(draft, options.names.empty() ? all_of(draft) : chosen_by(draft, options.names));
  if (options.names.empty()) note_others(draft);
  if (options.names.empty() && options.with_template) remove_templates(draft);
  return std::move(draft.plan);
}

}  // namespace hlid::plan
