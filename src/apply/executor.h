#pragma once
#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

#include "apply/journal.h"
#include "apply/ports.h"
#include "apply/scheduler.h"
#include "plan/step.h"

namespace hlid::apply {

struct Failure {
  std::string step;  ///< id
  std::string subject;
  Error error;
};

/// How it went. ok(): every step finished.
struct Outcome {
  std::size_t finished = 0;
  std::vector<Failure> failures;     ///< in the order they happened
  std::vector<std::string> skipped;  ///< ids
  bool stopped = false;              ///< by the stop token
  bool ok() const { return failures.empty() && skipped.empty() && !stopped; }
};

/// Runs a plan: steps whose predecessors finished, within the widths, in the plan's order. A failed step
/// stops what depends on it and nothing else. After a stop request nothing new starts; running steps are
/// asked to stop and waited for. The journal hears of each event before Progress does. An empty plan is run,
/// too: it closes the journal of an earlier run. Throws Error(precondition) for a plan with refusals, and
/// what the journal throws (the disk is full), after running steps were stopped and waited for.
class Executor {
 public:
  Executor(const plan::Plan& plan, StepRunner& runner, Progress& progress, Journal& journal,
           Widths widths = {});
  Outcome run(std::stop_token stop);

 private:
  const plan::Plan& plan_;
  StepRunner& runner_;
  Progress& progress_;
  Journal& journal_;
  Widths widths_;
};

/// Waits for the tasks that an earlier run left behind. To be called before observing. `progress` may be
/// nullptr.
void settle(const Unfinished& earlier, StepRunner& runner, Progress* progress, std::stop_token stop);

}  // namespace hlid::apply
