#include "plan/draft.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::plan {

Index::Index(const model::Observed& there) : there_(there) {
  for (const auto& machine : there.machines) {
    by_vmid_.emplace(machine.vmid, &machine);
    if (!machine.name.empty()) by_name_[machine.name].push_back(&machine);
  }
}

const model::ObservedMachine* Index::at(Vmid vmid) const {
  const auto found = by_vmid_.find(vmid);
  return found == by_vmid_.end() ? nullptr : found->second;
}

const std::vector<const model::ObservedMachine*>& Index::named(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? none_ : found->second;
}

const model::ObservedNode* Index::node(const std::string& name) const {
  for (const auto& node : there_.nodes)
    if (node.name == name) return &node;
  return nullptr;
}

const model::ObservedStorage* Index::storage(const std::string& node, const std::string& id) const {
  const auto* of = this->node(node);
  if (of == nullptr) return nullptr;
  for (const auto& storage : of->storages)
    if (storage.id == id) return &storage;
  return nullptr;
}

Draft::Draft(const model::Homelab& lab, const model::Observed& observed, const Options& how)
    : wanted(lab), there(observed), options(how), index(observed), members(lab, observed) {
  plan.lab = lab.name;
}

std::string step_id(StepKind kind, const std::string& subject) {
  return fmt::format("{} {}", to_string(kind), subject);
}

Step make_step(StepKind kind, const std::string& subject, Vmid vmid, const std::string& node,
               model::Disruption disruption, std::vector<std::string> reasons) {
  Step step;
  step.kind = kind;
  step.subject = subject;
  step.vmid = vmid;
  step.node = node;
  step.disruption = disruption;
  step.reasons = std::move(reasons);
  return step;
}

Step Draft::named(Step step) {
  step.id = step_id(step.kind, step.subject);
  if (!ids_.insert(step.id).second) {
    step.id += fmt::format(" ({})", to_string(step.vmid));
    ids_.insert(step.id);
  }
  return step;
}

std::size_t Draft::add(Step step, const std::vector<std::optional<std::size_t>>& after) {
  const std::size_t index_of_step = plan.steps.size();
  plan.steps.push_back(named(std::move(step)));
  for (const auto& before : after)
    if (before) plan.edges.emplace_back(*before, index_of_step);
  return index_of_step;
}

void Draft::refuse(std::string code, std::string subject, std::string text, std::string hint) {
  plan.refusals.push_back({std::move(code), std::move(subject), std::move(text), std::move(hint)});
}

void Draft::notice(std::string code, std::string subject, std::string text) {
  plan.notices.push_back({std::move(code), std::move(subject), std::move(text)});
}

bool Draft::was_unfinished(StepKind kind, const std::string& subject) const {
  return options.unfinished.count(step_id(kind, subject)) != 0;
}

bool has_making_lock(const model::ObservedMachine& machine) {
  return machine.lock == "clone" || machine.lock == "create";
}

bool is_nameless_leftover(const model::ObservedMachine& machine) {
  // Proxmox shows a guest without a name as "VM 1001" (PVE::QemuServer, vmstatus)
  const bool nameless = machine.name.empty() || machine.name == "VM " + to_string(machine.vmid);
  return nameless && machine.tags.empty() && has_making_lock(machine);
}

bool is_ours(const model::ObservedMachine& machine, const std::string& lab) {
  if (model::is_owned(machine, lab)) return true;
  return machine.mark == model::machine_mark(lab, machine.name) && machine.power == model::Power::stopped &&
         !machine.is_template;
}

std::string why_not_ours(const model::ObservedMachine& machine, const std::string& lab) {
  if (machine.uuid != machine_uuid(lab, machine.name).text)
    return "its SMBIOS UUID is not that of our machine";
  return fmt::format("its tags are '{}', without '{}'", join(machine.tags, ";"),
                     join(model::ownership_tags(lab), ";"));
}

}  // namespace hlid::plan
