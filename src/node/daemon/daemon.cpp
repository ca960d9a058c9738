#include "node/daemon/daemon.h"

#include <sys/stat.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

#include "base/log.h"
#include "node/daemon/node.h"
#include "node/daemon/node_folder.h"
#include "sys/signals.h"

namespace hlid::node::daemon {
namespace {

/// Lets the main thread wait for a signal to end.
class EndSignal {
 public:
  void on_signal(int signal) {
    if (signal == SIGHUP) return;  // a terminal that closes is no reason to end
    const std::scoped_lock lock(mutex_);
    came_ = true;
    condition_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [this] { return came_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool came_ = false;
};

}  // namespace

void run_daemon(const DaemonOptions& options) {
  ::umask(077);
  EndSignal end;
  const sys::SignalWatch signals([&end](int signal) { end.on_signal(signal); });  // before any other thread
  const NodeFolder folder(options.home, options.node);
  folder.prepare();
  const auto lock = folder.occupy();
  {
    const Node node(options, folder);
    announce(folder, node.endpoint());
    log::info("node '{}' serves at {}", options.node, node.endpoint());
    end.wait();
    log::info("node '{}' stops serving, machines keep running", options.node);
    withdraw(folder);
  }
}

}  // namespace hlid::node::daemon
