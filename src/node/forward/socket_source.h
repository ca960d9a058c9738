// Where sockets come from that reach into the realm. A socket belongs for ever to the network namespace that
// it was made in (network_namespaces(7)), so a process inside makes them and hands them out
// (unix(7), SCM_RIGHTS): whoever uses them can stay where the clients are.
#pragma once

#include <vector>

#include "sys/unique_fd.h"

namespace hlid::node::forward {

class SocketSource {
 public:
  virtual ~SocketSource() = default;
  /// A TCP socket, non-blocking, not connected. Throws Error(io) when there is none to be had.
  virtual sys::UniqueFd make() = 0;
};

/// Of the network that this process is in.
class OwnSockets : public SocketSource {
 public:
  sys::UniqueFd make() override;
};

/// Of whoever runs serve_sockets() at the other end of `peer`, some at a time.
class FetchedSockets : public SocketSource {
 public:
  /// Waits two seconds for an answer at most: a process that only makes sockets is never busy for longer.
  explicit FetchedSockets(sys::UniqueFd peer);
  sys::UniqueFd make() override;

 private:
  void fetch();

  sys::UniqueFd peer_;
  std::vector<sys::UniqueFd> ready_;
};

/// The other end: makes sockets until `peer` is closed.
void serve_sockets(int peer);

}  // namespace hlid::node::forward
