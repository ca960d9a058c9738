#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plan/step.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/unique_fd.h"

/// The record of what `up` and `destroy` were doing, so that a run that was killed can be taken up again. It
/// is no state file: what exists is always read from the hypervisor; the journal only tells what was in
/// flight.
namespace hlid::apply {

/// What an earlier run left, from its journal.
struct Unfinished {
  /// Ids of the steps that were begun and did not finish, and of `wait-ready` steps also those that were only
  /// planned: that a machine is not ready yet shows nowhere else.
  std::set<std::string> steps;
  std::map<std::string, std::string> tasks;  ///< step id → UPID of a task that may still run
  bool empty() const { return steps.empty() && tasks.empty(); }
};

/// Reads a journal's text: the last run in it. Lines that a crash cut short are ignored.
Unfinished unfinished_in(std::string_view text);

/// The journal of one lab, <folder>/journal.jsonl: one JSON object a line, fsynced before the call returns.
/// Whoever holds a Journal holds the lab: <folder>/lock is locked until it is destroyed. Thread-safe.
class Journal {
 public:
  /// Takes the lab's lock and reads what an earlier run left. Throws Error(conflict) naming the process that
  /// holds it.
  Journal(std::filesystem::path folder, sys::Clock& clock);

  /// As it was when this journal was opened.
  const Unfinished& earlier() const { return earlier_; }

  /// A new run begins: the file starts anew (durably), with the plan's steps.
  void begin(const plan::Plan& plan);
  void started(const plan::Step& step);
  void task(const plan::Step& step, const std::string& upid);
  void finished(const plan::Step& step);
  void failed(const plan::Step& step, const std::string& error);
  /// The run is over; `complete`: every step finished.
  void end(bool complete);

 private:
  void append(const json::object& event);
  json::object event(std::string_view kind, const plan::Step* step) const;

  std::filesystem::path folder_;
  sys::Clock& clock_;
  std::optional<sys::FileLock> lock_;
  Unfinished earlier_;
  std::mutex mutex_;
  sys::UniqueFd file_;
};

}  // namespace hlid::apply
