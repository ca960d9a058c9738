// The template: built, uploaded and made a template when it is missing; an older one is only a notice,
// because replacing it changes what later machines are, and that is for the user to say.
#include <fmt/format.h>

#include "plan/draft.h"

namespace hlid::plan {
namespace {

using model::Disruption;
using model::ObservedMachine;

void build(Draft& draft, const std::string& reason, std::optional<std::size_t> after) {
  const auto& image = draft.wanted.image;
  const auto& node = draft.first_node();
  auto step = make_step(StepKind::build_template, image.name, image.vmid, node, Disruption::none, {reason});
  step.details = {{"os", image.os}, {"key", draft.options.template_key}};
  step.resource = "build";
  const auto built = draft.add(step);

  step = make_step(StepKind::upload_template, image.name, image.vmid, node, Disruption::none, {});
  step.details = {{"storage", draft.wanted.proxmox.iso_storage}};
  step.resource = "storage:" + draft.wanted.proxmox.iso_storage;
  const auto uploaded = draft.add(step, {built, draft.iso_storage_step});

  step = make_step(StepKind::create_template, image.name, image.vmid, node, Disruption::none, {});
  step.details = {{"storage", draft.wanted.proxmox.storage}, {"key", draft.options.template_key}};
  step.resource = "storage:" + draft.wanted.proxmox.storage;
  draft.template_step = draft.add(step, {uploaded, draft.storage_step, after});
  draft.effective_key = draft.options.template_key;
}

/// A linked clone lives on its template's disk.
bool refuse_needed(Draft& draft, const ObservedMachine& there) {
  for (const auto& machine : draft.wanted.machines) {
    const auto* guest = draft.index.at(machine.vmid);
    if (!machine.linked_clone || guest == nullptr || draft.removed.count(machine.vmid) != 0) continue;
    draft.refuse("template-in-use", there.name,
                 fmt::format("'{}' is a linked clone of '{}'", machine.name, there.name),
                 "give the new template another name and vmid; the old one stays while it is used");
    return true;
  }
  return false;
}

void rebuild(Draft& draft, const ObservedMachine& there, const std::string& reason,
             Disruption disruption = Disruption::replace) {
  if (refuse_needed(draft, there) || refuse_locked(draft, there)) return;
  build(draft, reason, add_removal(draft, there, disruption, reason));
}

void redo(Draft& draft, const ObservedMachine& there) {
  rebuild(draft, there, "left half made by an interrupted run", Disruption::none);
}

void compare_key(Draft& draft, const ObservedMachine& there) {
  const auto& wanted = draft.options.template_key;
  draft.effective_key = there.template_key;
  if (wanted.empty() || there.template_key == wanted) return;
  const auto consent = "replace=" + there.name;
  if (draft.allowed(consent))
    return rebuild(draft, there, fmt::format("'{}' was built from an older description", there.name));
  draft.notice("template-outdated", there.name,
               fmt::format("template '{}' was built from an older description; machines are made from it as "
                           "it is. To build it anew: --allow {}",
                           there.name, consent));
}

/// VMID of the template, held by something that is not it.
void refuse_taken(Draft& draft, const ObservedMachine& there) {
  const auto& image = draft.wanted.image;
  if (is_ours(there, draft.lab()) && there.is_template) {
    const auto consent = "replace=" + there.name;
    const auto text =
        fmt::format("VMID {} holds '{}', an earlier template of this lab", image.vmid.value, there.name);
    if (draft.allowed(consent)) return rebuild(draft, there, text);
    return draft.refuse("vmid-taken", image.name, text,
                        fmt::format("give template.vmid another number, or --allow {}", consent));
  }
  draft.refuse("vmid-taken", image.name,
               fmt::format("VMID {} belongs to '{}', which is not ours: {}", image.vmid.value, there.name,
                           why_not_ours(there, draft.lab())),
               "give template.vmid another number");
}

bool refuse_name(Draft& draft) {
  const auto& image = draft.wanted.image;
  for (const auto* guest : draft.index.named(image.name)) {
    if (guest->vmid == image.vmid) continue;
    draft.refuse("name-taken", image.name,
                 fmt::format("the name '{}' is that of VM {}", image.name, guest->vmid.value),
                 "give template.name another value");
    return true;
  }
  return false;
}

}  // namespace

void plan_image(Draft& draft) {
  const auto& image = draft.wanted.image;
  if (refuse_name(draft)) return;
  const auto* there = draft.index.at(image.vmid);
  if (there == nullptr) return build(draft, "does not exist", std::nullopt);
  if (is_nameless_leftover(*there) && draft.was_unfinished(StepKind::create_template, image.name))
    return redo(draft, *there);
  if (there->name != image.name || !model::is_owned(*there, draft.lab())) return refuse_taken(draft, *there);
  if (!there->is_template) return redo(draft, *there);
  compare_key(draft, *there);
}

}  // namespace hlid::plan
