#include "plan/diff.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "plan/draft.h"

namespace hlid::plan {
namespace {

using model::Disruption;

void note_later_phases(Draft& draft) {
  if (draft.wanted.backup)
    draft.notice("backup-later", draft.wanted.backup->storage, "scheduled backups are not run yet");
}

}  // namespace

void drop_steps(Plan& plan, const std::vector<bool>& keep) {
  std::vector<std::size_t> moved(plan.steps.size());
  std::vector<Step> steps;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    moved[i] = steps.size();
    if (keep[i]) steps.push_back(std::move(plan.steps[i]));
  }
  std::vector<std::pair<std::size_t, std::size_t>> edges;
  for (const auto& [before, after] : plan.edges)
    if (keep[before] && keep[after]) edges.emplace_back(moved[before], moved[after]);
  plan.steps = std::move(steps);
  plan.edges = std::move(edges);
}

void keep_phase(Draft& draft, Phase phase) {
  auto& plan = draft.plan;
  std::vector<bool> keep;
  for (const auto& step : plan.steps) keep.push_back(phase_of(step.kind) == phase);
  for (const auto& [before, after] : plan.edges)  // what the host lacks for it is done along with it
    if (keep[after] && phase_of(plan.steps[before].kind) == Phase::host) keep[before] = true;
  for (const auto& [before, after] : plan.edges) {
    if (!keep[after] || keep[before]) continue;
    const auto& needed = plan.steps[before];
    draft.refuse("phase-needs", needed.subject,
                 fmt::format("phase '{}' needs '{}' first", to_string(phase), needed.id),
                 fmt::format("run phase '{}' before, or all of them", to_string(phase_of(needed.kind))));
    break;
  }
  drop_steps(plan, keep);
  if (phase != Phase::machines) plan.held.clear();
  if (phase != Phase::cluster) plan.waiting.clear(), plan.look_again = false;
}

Plan make_plan(const model::Homelab& wanted, const model::Observed& there, const Options& options) {
  Draft draft(wanted, there, options);
  plan_host(draft);
  plan_publish(draft);
  plan_removals(draft);
  plan_image(draft);
  plan_machines(draft);
  plan_cluster(draft);
  note_overcommit(draft);
  note_lacking_properties(draft);
  note_later_phases(draft);
  if (options.only) keep_phase(draft, *options.only);
  return std::move(draft.plan);
}

}  // namespace hlid::plan
