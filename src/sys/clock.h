#pragma once
#include <chrono>
#include <cstdint>
#include <stop_token>

namespace hlid::sys {

/// Time as a seam, so that waits and deadlines can be tested without waiting.
class Clock {
 public:
  using Duration = std::chrono::milliseconds;
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point now() const = 0;  ///< monotonic
  virtual std::int64_t unix_seconds() const = 0;                  ///< wall clock
  /// Sleeps; returns early, with false, when a stop is requested.
  virtual bool sleep(Duration duration, std::stop_token stop = {}) = 0;
};

class SystemClock : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override;
  std::int64_t unix_seconds() const override;
  bool sleep(Duration duration, std::stop_token stop = {}) override;
};

}  // namespace hlid::sys
