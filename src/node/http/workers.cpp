#include "node/http/workers.h"

namespace hlid::node::http {

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    queue_.clear();
    for (std::jthread& thread : threads_) thread.request_stop();
  }
  wake_.notify_all();
  threads_.clear();
}

bool Workers::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() >= most_waiting_) return false;
  queue_.push_back(std::move(work));
  if (idle_ < queue_.size() && threads_.size() < most_threads_) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
  wake_.notify_one();
  return true;
}

void Workers::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    ++idle_;
    const bool has_work = wake_.wait(lock, stop, [this] { return !queue_.empty(); });
    --idle_;
    if (!has_work || stop.stop_requested()) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace hlid::node::http
