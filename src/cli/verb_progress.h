#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "apply/ports.h"
#include "cli/progress.h"
#include "model/homelab.h"
#include "plan/step.h"

namespace hlid::cli {

/// How a verb of the cluster tells what it does, as `up` does for its steps: a line for each machine at work
/// and one for the lab. Thread-safe.
class VerbProgress {
 public:
  /// `verb` names the work in events for programs: "upgrade".
  VerbProgress(const model::Homelab& lab, const std::string& verb, ProgressStyle style);

  /// As cluster::Site::phase has it: "NAME: what it does", "NAME: done", or what the whole is at.
  void phase(const std::string& text);
  /// Whatever was begun is done, or has failed.
  void finish();
  void fail(const Error& error);
  /// Nothing is drawn while `talk` asks the user something.
  void aside(const std::function<void()>& talk);

 private:
  const plan::Step& step_of(const std::string& subject) const;
  void end(const plan::Step& step);

  std::mutex mutex_;
  ProgressStyle style_;
  std::string lab_;
  plan::Plan plan_;  ///< one step for the lab and one for each machine
  std::unique_ptr<apply::Progress> progress_;
  std::set<std::string> open_;  ///< subjects that were begun and are not done
};

/// Runs `verb` and tells how it ended.
template <typename F>
auto tell(VerbProgress& progress, F&& verb) {
  try {
    if constexpr (std::is_void_v<decltype(verb())>) {
      verb();
      progress.finish();
    } else {
      auto result = verb();
      progress.finish();
      return result;
    }
  } catch (const Error& error) {
    progress.fail(error);
    throw;
  }
}

}  // namespace hlid::cli
