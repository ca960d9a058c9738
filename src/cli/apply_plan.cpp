#include "cli/apply_plan.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/log.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "sys/signals.h"

namespace hlid::cli {
namespace {

constexpr std::size_t kWidth = 8, kWidthWithCluster = 16;  // members mostly wait
constexpr std::size_t kStarts = 6, kInstalls = 3;          // of one node at the same time

bool has_cluster_steps(const plan::Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(),
                     [](const auto& step) { return plan::phase_of(step.kind) == plan::Phase::cluster; });
}

/// Machines were lent discs with the release; the next run would find them, and nobody else needs them.
void tidy_discs(LabSession& session, const plan::Plan& plan) {
  if (!has_cluster_steps(plan)) return;
  try {
    session.discs().remove_unused(session.session());
  } catch (const Error& error) {
    log::warn("a disc stays on the storage: {}", error.what());
  }
}

void tell_outcome_json(const apply::Outcome& outcome, Exit status) {
  print_line(to_text(json::object{{"event", "end"},
                                  {"status", static_cast<int>(status)},
                                  {"finished", outcome.finished},
                                  {"failed", outcome.failures.size()},
                                  {"skipped", outcome.skipped.size()}}));
}

void tell_failures(const apply::Outcome& outcome) {
  for (const auto& failure : outcome.failures)
    if (failure.error.code() != Errc::interrupted) print_error(describe(failure.error));
  if (!outcome.skipped.empty() && !outcome.stopped)
    print_error(fmt::format("hlid: {} steps were not done because of that", outcome.skipped.size()));
}

}  // namespace

apply::Widths widths_for(const plan::Plan& plan, const model::Homelab& lab) {
  apply::Widths widths;
  widths.total = has_cluster_steps(plan) ? kWidthWithCluster : kWidth;
  widths.other = 2;
  for (const auto& step : plan.steps) {
    if (step.resource.starts_with("start:")) widths.queues[step.resource] = kStarts;
    if (step.resource.starts_with("install:")) widths.queues[step.resource] = kInstalls;
  }
  if (lab.cluster)
    widths.queues[std::string(plan::kRollingAgents)] =
        static_cast<std::size_t>(std::max(1, lab.cluster->max_unavailable));
  return widths;
}

Exit status_of(const apply::Outcome& outcome) {
  if (outcome.stopped) return Exit::interrupted;
  if (outcome.failures.empty()) return outcome.ok() ? Exit::done : Exit::failed;
  const auto first = exit_for(outcome.failures.front().error);
  for (const auto& failure : outcome.failures)
    if (exit_for(failure.error) != first) return Exit::failed;
  return first;
}

void show_plan(const plan::Plan& plan, bool json) {
  if (json)
    print_line(to_text(json::object{{"event", "plan"}, {"plan", plan::to_json(plan)}}));
  else
    print(plan::render(plan, {wants_colour()}));
}

void check_refusals(const plan::Plan& plan) {
  if (plan.refusals.empty()) return;
  const auto& first = plan.refusals.front();
  Error error(Errc::precondition, "nothing was done: {}", first.text);
  error.with_hint(first.hint.empty() ? "hlid explain " + first.code : first.hint);
  throw error;
}

Exit run_plan(LabSession& session, const plan::Plan& plan, apply::Journal& journal, const RunOptions& options,
              std::stop_token stop) {
  const auto runner = session.step_runner();
  apply::Outcome outcome;
  {
    const auto progress = make_progress(style_for(options.json), plan);
    outcome = apply::Executor(plan, *runner, *progress, journal, widths_for(plan, session.lab())).run(stop);
  }
  if (!outcome.stopped) tidy_discs(session, plan);
  const auto status = status_of(outcome);
  if (options.json)
    tell_outcome_json(outcome, status);
  else
    tell_failures(outcome);
  if (status == Exit::interrupted) print_error("hlid: stopped; the same command goes on from here");
  return status;
}

struct StopOnSignal::State {
  std::stop_source source;
  std::atomic<int> count{0};
  std::unique_ptr<sys::SignalWatch> watch;
};

StopOnSignal::StopOnSignal() : state_(std::make_unique<State>()) {
  auto* state = state_.get();
  state_->watch = std::make_unique<sys::SignalWatch>([state](int) {
    if (++state->count > 1) ::_exit(static_cast<int>(Exit::interrupted));
    state->source.request_stop();
  });
}

StopOnSignal::~StopOnSignal() = default;
std::stop_token StopOnSignal::token() const {
  return state_->source.get_token();
}

}  // namespace hlid::cli
