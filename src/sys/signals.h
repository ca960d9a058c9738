#pragma once
#include <functional>
#include <memory>
#include <thread>

namespace hlid::sys {

/// Blocks SIGINT, SIGTERM and SIGHUP for the whole program (make it before any thread) and calls `on_signal`
/// with each that comes, on a thread of its own. SIGPIPE is ignored.
class SignalWatch {
 public:
  explicit SignalWatch(std::function<void(int)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace hlid::sys
