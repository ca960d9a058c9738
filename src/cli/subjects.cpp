#include "cli/subjects.h"

namespace hlid::cli {

Subjects::Subjects(const plan::Plan& plan) {
  for (const auto& step : plan.steps) {
    const auto [state, is_new] = states_.try_emplace(step.subject);
    if (is_new) order_.push_back(step.subject);
    ++state->second.left;
  }
}

long long seconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace hlid::cli
