#include "sys/signals.h"

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace hlid::sys {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void(int)> on_signal) {
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = watched();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::jthread([on_signal = std::move(on_signal), set](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const timespec wait{0, 200'000'000};
      const int signal = ::sigtimedwait(&set, nullptr, &wait);
      if (signal > 0) on_signal(signal);
    }
  });
}

SignalWatch::~SignalWatch() = default;

}  // namespace hlid::sys
