// Brings the machines' network back when its holder was killed, without waiting for the next machine to need
// it.
#pragma once

#include <thread>

#include "node/network/realm.h"

namespace hlid::node::daemon {

/// Waits, without using any time, for the holder's end; then restores the realm. Tries again every half
/// minute where that fails. Stops with its destruction.
class RealmWatch {
 public:
  explicit RealmWatch(network::Realm& realm);

 private:
  void watch(const std::stop_token& stop);

  network::Realm& realm_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace hlid::node::daemon
