// The network as the machines' life cycle sees it: taps, names, and how to start a program inside. The realm
// implements it; tests use a fake.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "node/network/dns.h"
#include "node/network/link_plan.h"

namespace hlid::node::network {

class Network {
 public:
  virtual ~Network() = default;

  /// What to put before a program's argv so that it runs inside of the network, without capabilities there.
  /// Before a machine's QEMU, whose `-netdev tap,ifname=tap1001i0,script=no,downscript=no` then finds the
  /// tap. Brings the network up if it is not. Throws Error(precondition) when there can be none.
  virtual std::vector<std::string> command_prefix() = 0;

  /// Makes the taps, anew where one is left over, and attaches each to its bridge. Call before QEMU starts.
  /// Throws Error(not_found) "bridge 'x' does not exist".
  virtual void add_taps(const std::vector<Tap>& taps) = 0;

  /// Removes all taps of a machine; none is fine. Call when its QEMU is gone.
  virtual void remove_taps(Vmid vmid) = 0;

  /// The machines' names and addresses, all of them each time. Cheap when nothing changed.
  virtual void set_hosts(const std::vector<Host>& hosts) = 0;
};

}  // namespace hlid::node::network
