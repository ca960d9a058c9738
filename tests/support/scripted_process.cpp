#include "support/scripted_process.h"

#include <cerrno>

#include "base/text.h"

namespace hlid::test {

void ScriptedProcess::on(const std::string& prefix, sys::ProcessResult result) {
  on([prefix](const sys::Command& command) { return join(command.argv, " ").starts_with(prefix); },
     [result](const sys::Command&) { return result; });
}

void ScriptedProcess::on(Match match, Answer answer) {
  const std::scoped_lock lock(mutex_);
  rules_.emplace_back(std::move(match), std::move(answer));
}

sys::ProcessResult ScriptedProcess::run(const sys::Command& command, std::stop_token) {
  Answer answer;
  {
    const std::scoped_lock lock(mutex_);
    commands_.push_back(command);
    for (const auto& [match, candidate] : rules_)
      if (!answer && match(command)) answer = candidate;
  }
  if (answer) return answer(command);
  return {sys::Ending::not_started, ENOENT, {}, {}};
}

std::vector<sys::Command> ScriptedProcess::commands() const {
  const std::scoped_lock lock(mutex_);
  return commands_;
}

std::vector<std::string> ScriptedProcess::lines() const {
  std::vector<std::string> lines;
  for (const auto& command : commands()) lines.push_back(join(command.argv, " "));
  return lines;
}

sys::ProcessResult exit_with(int status, std::string output, std::string error_output) {
  return {sys::Ending::exited, status, std::move(output), std::move(error_output)};
}

}  // namespace hlid::test
