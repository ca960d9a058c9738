#include "node/daemon/realm_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/error.h"
#include "base/log.h"
#include "sys/unique_fd.h"

namespace hlid::node::daemon {
namespace {

constexpr int kRetryMilliseconds = 30'000;

/// Until `fd` is readable (-1: never), `woken` is, or the time is over (-1: never).
void wait(int fd, int woken, int milliseconds) {
  pollfd fds[2] = {{fd, POLLIN, 0}, {woken, POLLIN, 0}};
  ::poll(fds, 2, milliseconds);
}

}  // namespace

RealmWatch::RealmWatch(network::Realm& realm)
    : realm_(realm), thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void RealmWatch::watch(const std::stop_token& stop) {
  const sys::UniqueFd woken(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback wake(stop, [&woken] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(woken.get(), &one, sizeof one);
  });
  while (!stop.stop_requested()) {
    const auto state = realm_.state();
    const sys::UniqueFd holder(state ? static_cast<int>(::syscall(SYS_pidfd_open, state->holder.pid, 0))
                                     : -1);
    if (holder && sys::is_alive(state->holder)) {
      wait(holder.get(), woken.get(), -1);
      if (stop.stop_requested()) return;
      log::warn("the holder of the machines' network ended, starting another");
    }
    try {
      realm_.ensure();
    } catch (const Error& error) {
      log::error("{}", error.what());
      wait(-1, woken.get(), kRetryMilliseconds);
    }
  }
}

}  // namespace hlid::node::daemon
