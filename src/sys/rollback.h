#pragma once
#include <functional>
#include <utility>
#include <vector>

namespace hlid::sys {

/// Undoes the done parts of a multi-step change, newest first, unless commit() was reached. Undo steps must
/// not throw; what they cannot undo they leave for the repair at the next start.
class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    for (auto undo = steps_.rbegin(); undo != steps_.rend(); ++undo) (*undo)();
  }
  void on_failure(std::function<void()> undo) { steps_.push_back(std::move(undo)); }
  void commit() { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace hlid::sys
