#pragma once
#include <deque>
#include <filesystem>
#include <optional>
#include <vector>

#include "node/task/task_log.h"

namespace hlid::node::task {

/// The ended tasks in memory and in `tasks/index`, and the names of running ones in `tasks/active`. Bounded:
/// the oldest are forgotten with their logs. Not thread-safe.
class TaskIndex {
 public:
  TaskIndex(std::filesystem::path folder, int keep);

  const std::deque<IndexEntry>& ended() const { return ended_; }  ///< oldest first
  std::optional<IndexEntry> find(const wire::Upid& upid) const;
  /// Remembers, before it runs, that this task may be cut off.
  void began(const wire::Upid& upid);
  /// `still_running`: how many others of began() have not ended.
  void end(IndexEntry entry, std::size_t still_running);

 private:
  void load();
  void settle();  ///< what the last daemon left running
  void compact();
  void remove_logs_before(std::uint32_t start_time);

  std::filesystem::path folder_;
  std::size_t keep_;
  std::deque<IndexEntry> ended_;
  sys::UniqueFd index_;
  sys::UniqueFd active_;
};

}  // namespace hlid::node::task
