#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hlid::apply {

/// How many steps may run at once, in all and in each queue.
struct Widths {
  std::size_t total = 8;
  std::map<std::string, std::size_t> queues = {};  ///< by resource name
  std::size_t other = 2;                           ///< of a queue not named above
  std::size_t of(const std::string& resource) const;
};

/// Which step may start next: a pure state machine, without threads and time. A step may start when all
/// before it finished, its queue has room and fewer than `total` run; among those that may, the first in the
/// plan's order.
class Scheduler {
 public:
  using Edges = std::vector<std::pair<std::size_t, std::size_t>>;

  /// `queues`: one name for each step, "" none. Throws Error(failed) when the edges have a cycle or name no
  /// step.
  Scheduler(std::vector<std::string> queues, const Edges& edges, Widths widths);

  /// The next step, which now runs; nullopt when none may start (yet).
  std::optional<std::size_t> next();
  void finished(std::size_t step);
  /// What depends on it, directly or not, will never run and is returned, each step once.
  std::vector<std::size_t> failed(std::size_t step);
  /// Nothing starts any more; all that was waiting is returned.
  std::vector<std::size_t> cancel();

  std::size_t running() const { return running_; }
  bool is_running(std::size_t step) const { return states_[step] == State::running; }
  /// Nothing runs and nothing will.
  bool done() const { return running_ == 0 && waiting_ == 0; }

 private:
  enum class State { waiting, running, finished, failed, skipped };
  struct Queue {
    std::set<std::size_t> ready;
    std::size_t running = 0;
    std::size_t width = 0;
  };

  Queue& queue_of(std::size_t step) { return queues_[names_[step]]; }
  void leave(std::size_t step, State state);
  void skip(std::size_t step, std::vector<std::size_t>& skipped);

  std::vector<std::string> names_;
  std::vector<std::vector<std::size_t>> after_;
  std::vector<std::size_t> missing_;  ///< predecessors that have not finished
  std::vector<State> states_;
  std::map<std::string, Queue> queues_;
  std::size_t total_;
  std::size_t running_ = 0;
  std::size_t waiting_;
};

}  // namespace hlid::apply
