// One attempt to reach a back-end.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "node/forward/event_loop.h"
#include "node/forward/rule.h"
#include "node/forward/socket_source.h"

namespace hlid::node::forward {

/// With one of several: a dead machine is known by then, because the kernel gives up asking for its hardware
/// address after three seconds.
inline constexpr std::chrono::milliseconds kPatienceWithOne{4000};
/// With the last one, who may only be too busy to answer: the client may still give up before.
inline constexpr std::chrono::milliseconds kPatienceWithTheLast{60'000};

class Dial {
 public:
  /// Gets the connected socket, or none and why. Called once, from the loop, never from the constructor; may
  /// destroy the dial.
  using Done = std::function<void(sys::UniqueFd socket, const std::string& error)>;

  Dial(EventLoop& loop, SocketSource& sockets, const Endpoint& to, std::chrono::milliseconds patience,
       Done done);

 private:
  void has_changed();
  void end(const std::string& error);

  Done done_;
  std::string early_error_;  ///< why not even an attempt is under way
  sys::UniqueFd socket_;
  Watch watch_;
  Timer deadline_;
};

}  // namespace hlid::node::forward
