// epoll(7) and timers for one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "sys/clock.h"
#include "sys/unique_fd.h"

namespace hlid::node::forward {

/// Handlers run inside of run_once() and may make and destroy watches and timers, also those that called
/// them. The loop outlives all of them.
class EventLoop {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Handler = std::function<void()>;

  explicit EventLoop(sys::Clock& clock);

  /// Waits for the first events or due timers, `most` at the longest, and runs their handlers.
  void run_once(std::optional<std::chrono::milliseconds> most = std::nullopt);
  Time now() const { return clock_.now(); }

 private:
  friend class Watch;
  friend class Timer;
  // shared with a call under way, which may destroy the watch that it came from
  using Shared = std::shared_ptr<const Handler>;

  int patience(std::optional<std::chrono::milliseconds> most) const;
  void run_due_timers();

  sys::Clock& clock_;
  sys::UniqueFd epoll_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Shared> watches_;
  std::map<std::pair<Time, std::uint64_t>, Shared> timers_;
};

/// Calls when something that is wanted of a descriptor is so, or it is at its end or broken. Destroy it
/// before the descriptor is closed.
class Watch {
 public:
  enum class For { nothing, reading, writing, both };

  Watch(EventLoop& loop, int fd, EventLoop::Handler handler);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  /// For nothing: not even its end is told, which epoll would do again and again.
  void want(For what);

 private:
  EventLoop& loop_;
  int fd_;
  std::uint64_t id_;
  For wanted_ = For::nothing;
};

/// Calls once, at its time, unless destroyed before.
class Timer {
 public:
  Timer(EventLoop& loop, EventLoop::Time at, EventLoop::Handler handler);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

 private:
  EventLoop& loop_;
  std::pair<EventLoop::Time, std::uint64_t> key_;
};

}  // namespace hlid::node::forward
