#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "plan/step.h"

namespace hlid::cli {

/// What is known of each machine (or template, storage …) of a plan while it runs.
struct SubjectState {
  std::size_t left = 0;  ///< steps that have not ended
  bool begun = false;
  bool failed = false;
  bool told = false;  ///< its last line was printed
  std::string phase;
  std::chrono::steady_clock::time_point since;
};

class Subjects {
 public:
  explicit Subjects(const plan::Plan& plan);
  SubjectState& of(const plan::Step& step) { return states_[step.subject]; }
  SubjectState& of(const std::string& subject) { return states_[subject]; }
  const std::vector<std::string>& order() const { return order_; }

 private:
  std::map<std::string, SubjectState> states_;
  std::vector<std::string> order_;  ///< as the plan names them first
};

long long seconds_since(std::chrono::steady_clock::time_point begun);

}  // namespace hlid::cli
