// All published ports of a node.
#pragma once

#include <memory>
#include <vector>

#include "node/forward/port.h"

namespace hlid::node::forward {

class Forwarder {
 public:
  /// At most `connections` at once, of which each port may have its even share. All that is lent outlives it.
  Forwarder(EventLoop& loop, SocketSource& sockets, int connections);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  enum class Opening {
    all_or_nothing,    ///< a port that cannot be opened is an error, and then nothing has changed
    what_is_possible,  ///< such a port is tried again from time to time
  };
  /// These and no others from now on. Ports that stay go on as they are; connections of those that go are
  /// cut. Throws Error(usage) for rules that cannot be, and as listen_on().
  void set(const std::vector<Rule>& rules, Opening opening);

  std::vector<Rule> rules() const;
  std::vector<PortStatus> status() const;

 private:
  using Ports = std::vector<std::unique_ptr<Port>>;

  Port* find(const Endpoint& listen) const;
  void make_room(const std::vector<Rule>& rules);
  Ports open_all(const std::vector<Rule>& rules, Opening opening);
  void share_out();

  std::vector<char> scratch_;
  Workshop workshop_;
  int connections_;
  Ports ports_;  ///< in the order of the rules
};

}  // namespace hlid::node::forward
