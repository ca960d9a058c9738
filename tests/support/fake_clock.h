#pragma once
#include <atomic>

#include "sys/clock.h"

namespace hlid::test {

/// Time that passes only when somebody sleeps or the test ticks.
class FakeClock : public sys::Clock {
 public:
  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(elapsed_.load()));
  }
  std::int64_t unix_seconds() const override { return 1'700'000'000 + elapsed_.load() / 1000; }
  bool sleep(Duration duration, std::stop_token stop = {}) override {
    elapsed_ += duration.count();
    return !stop.stop_requested();
  }
  void tick(Duration duration) { elapsed_ += duration.count(); }

 private:
  std::atomic<long long> elapsed_{0};
};

}  // namespace hlid::test
