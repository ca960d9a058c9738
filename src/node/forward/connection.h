// One client: finds it a back-end that answers, then carries its bytes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "node/forward/backends.h"
#include "node/forward/dial.h"
#include "node/forward/relay.h"

namespace hlid::node::forward {

/// What all connections share.
struct Workshop {
  EventLoop& loop;
  SocketSource& sockets;
  std::span<char> scratch;
};

/// What the connections of one port are counted in.
struct Counters {
  std::uint64_t accepted = 0, failed = 0, received = 0, sent = 0;
};

class Connection;

/// Whose connections they are. Called from the loop.
class ConnectionKeeper {
 public:
  virtual ~ConnectionKeeper() = default;
  virtual void backend_failed() = 0;
  /// Once; destroys the connection.
  virtual void has_ended(Connection& connection) = 0;
};

class Connection {
 public:
  Connection(Workshop& workshop, Backends& backends, Counters& counters, ConnectionKeeper& keeper,
             sys::UniqueFd client);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Cut short, it is a reset to both sides.
  ~Connection();

  /// The one in use, once there is one.
  const std::optional<Endpoint>& backend() const { return backend_; }

 private:
  void dial_next();
  void dialled(const Endpoint& to, sys::UniqueFd socket, const std::string& error);
  void begin_relay(sys::UniqueFd server);
  void move();

  Workshop& workshop_;
  Backends& backends_;
  Counters& counters_;
  ConnectionKeeper& keeper_;
  sys::UniqueFd client_;  ///< until the relay has it
  std::vector<Endpoint> untried_;
  std::unique_ptr<Dial> dial_;
  std::optional<Endpoint> backend_;
  std::optional<Relay> relay_;
  std::unique_ptr<Watch> client_watch_, server_watch_;  // after the relay, whose sockets they watch
};

}  // namespace hlid::node::forward
