#include "node/vm/arrivals.h"

#include <chrono>

#include "base/error.h"

namespace hlid::node::vm {

constexpr std::chrono::seconds kLongest{5};

void Arrivals::wait(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, kLongest, [this] { return on_the_way_ == 0; });
  if (stop.stop_requested()) throw Error(Errc::interrupted, "received interrupt");
}

void Arrivals::change(int by) {
  const std::lock_guard lock(mutex_);
  on_the_way_ += by;
  changed_.notify_all();
}

Turns::Turn::Turn(Turns& all, std::stop_token stop) : all_(all) {
  std::unique_lock lock(all_.mutex_);
  if (!all_.changed_.wait(lock, std::move(stop), [&all] { return all.free_ > 0; }))
    throw Error(Errc::interrupted, "received interrupt");
  --all_.free_;
}

Turns::Turn::~Turn() {
  const std::lock_guard lock(all_.mutex_);
  ++all_.free_;
  all_.changed_.notify_one();
}

}  // namespace hlid::node::vm
