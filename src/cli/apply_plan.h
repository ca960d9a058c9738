#pragma once
#include <stop_token>
#include <string>

#include "apply/executor.h"
#include "cli/exit_code.h"
#include "cli/lab_session.h"
#include "plan/step.h"

/// What `up` and `destroy` share: showing a plan, asking, running it and telling how it went.
namespace hlid::cli {

struct RunOptions {
  bool yes = false;
  bool json = false;
};

/// The plan with its notices and refusals, for a person (or as one JSON event).
void show_plan(const plan::Plan& plan, bool json);
/// Throws Error(precondition) when the plan is refused; each refusal was shown with the plan.
void check_refusals(const plan::Plan& plan);
/// How many steps of the plan may run at once.
apply::Widths widths_for(const plan::Plan& plan, const model::Homelab& lab);
/// A failure's own status, when all say the same; a script may tell "denied" from "failed".
Exit status_of(const apply::Outcome& outcome);
/// Runs it. Failures are printed, each once, with what to do. done, failed, or interrupted.
Exit run_plan(LabSession& session, const plan::Plan& plan, apply::Journal& journal, const RunOptions& options,
              std::stop_token stop);

/// SIGINT, SIGTERM and SIGHUP ask for a stop; the second one ends the program at once. Make it before any
/// thread.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  std::stop_token token() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hlid::cli
