#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "sys/process.h"

namespace hlid::test {

/// A ProcessRunner that runs nothing: records each command and answers by the first rule that matches.
class ScriptedProcess : public sys::ProcessRunner {
 public:
  using Match = std::function<bool(const sys::Command&)>;
  using Answer = std::function<sys::ProcessResult(const sys::Command&)>;

  /// For commands whose argv, joined by blanks, begins with `prefix`.
  void on(const std::string& prefix, sys::ProcessResult result);
  void on(Match match, Answer answer);
  sys::ProcessResult run(const sys::Command& command, std::stop_token stop = {}) override;
  std::vector<sys::Command> commands() const;
  std::vector<std::string> lines() const;  ///< each command's argv joined by blanks

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<Match, Answer>> rules_;
  std::vector<sys::Command> commands_;
};

sys::ProcessResult exit_with(int status, std::string output = {}, std::string error_output = {});

}  // namespace hlid::test
