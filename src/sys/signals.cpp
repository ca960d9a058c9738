#include "sys/signals.h"

#include <pthread.h>
#include <signal.h>

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
      const int signal = ::sigwaitinfo(&set, nullptr);
      if (signal > 0 && !stop.stop_requested()) on_signal(signal);
    }
  });
}

SignalWatch::~SignalWatch() {
  thread_.request_stop();
  ::pthread_kill(thread_.native_handle(), SIGHUP);  // only wakes the thread, which waits without a time limit
}

}  // namespace hlid::sys
