// Threads for the work that must not hold up the I/O threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hlid::node::http {

/// A bounded pool: threads are made as work comes, up to `threads`, and at most `waiting` pieces wait.
class Workers {
 public:
  Workers(std::size_t threads, std::size_t waiting) : most_threads_(threads), most_waiting_(waiting) {}
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();  ///< drops what waits, ends what runs

  /// false: too much waits already, and `work` was not taken.
  bool post(std::function<void()> work);

 private:
  void run(const std::stop_token& stop);

  const std::size_t most_threads_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::function<void()>> queue_;
  std::size_t idle_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace hlid::node::http
