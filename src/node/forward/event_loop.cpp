#include "node/forward/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"

namespace hlid::node::forward {
namespace {

std::uint32_t events_of(Watch::For what) {
  switch (what) {
    case Watch::For::nothing:
      return 0;
    case Watch::For::reading:
      return EPOLLIN;
    case Watch::For::writing:
      return EPOLLOUT;
    case Watch::For::both:
      return EPOLLIN | EPOLLOUT;
  }
  return 0;
}

}  // namespace

EventLoop::EventLoop(sys::Clock& clock) : clock_(clock), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw system_error("cannot create an epoll instance");
}

/// Milliseconds for epoll_wait, rounded up so that a timer is due when it returns; -1: for ever.
int EventLoop::patience(std::optional<std::chrono::milliseconds> most) const {
  if (timers_.empty()) return most ? static_cast<int>(most->count()) : -1;
  const auto left = std::max(Time::duration::zero(), timers_.begin()->first.first - now());
  auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left);
  if (most) milliseconds = std::min(milliseconds, *most);
  return static_cast<int>(std::min<std::chrono::milliseconds::rep>(milliseconds.count(), 1 << 30));
}

void EventLoop::run_once(std::optional<std::chrono::milliseconds> most) {
  std::array<epoll_event, 256> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience(most));
  if (count < 0 && errno != EINTR) throw system_error("cannot wait for events");
  for (int i = 0; i < count; ++i) {
    const auto found = watches_.find(events[static_cast<std::size_t>(i)].data.u64);
    if (found == watches_.end()) continue;  // gone since, by an earlier handler
    const Shared handler = found->second;
    (*handler)();
  }
  run_due_timers();
}

/// A timer made by another one waits for the next round, so that descriptors get their turn.
void EventLoop::run_due_timers() {
  const auto end = now();
  const auto last = last_id_;
  for (auto it = timers_.begin(); it != timers_.end() && it->first.first <= end; it = timers_.begin()) {
    if (it->first.second > last) return;
    const Shared handler = it->second;
    timers_.erase(it);
    (*handler)();
  }
}

Watch::Watch(EventLoop& loop, int fd, EventLoop::Handler handler)
    : loop_(loop), fd_(fd), id_(++loop.last_id_) {
  loop_.watches_.emplace(id_, std::make_shared<const EventLoop::Handler>(std::move(handler)));
}

Watch::~Watch() {
  want(For::nothing);
  loop_.watches_.erase(id_);
}

void Watch::want(For what) {
  if (what == wanted_) return;
  epoll_event event{};
  event.events = events_of(what);
  event.data.u64 = id_;
  const int operation = wanted_ == For::nothing ? EPOLL_CTL_ADD
                        : what == For::nothing  ? EPOLL_CTL_DEL
                                                : EPOLL_CTL_MOD;
  wanted_ = what;
  if (::epoll_ctl(loop_.epoll_.get(), operation, fd_, &event) != 0 && operation != EPOLL_CTL_DEL)
    throw system_error("cannot watch a descriptor");
}

Timer::Timer(EventLoop& loop, EventLoop::Time at, EventLoop::Handler handler)
    : loop_(loop), key_(at, ++loop.last_id_) {
  loop_.timers_.emplace(key_, std::make_shared<const EventLoop::Handler>(std::move(handler)));
}

Timer::~Timer() {
  loop_.timers_.erase(key_);
}

}  // namespace hlid::node::forward
