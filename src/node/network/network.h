// The network as the machines' life cycle sees it: taps, names, and how to start a program inside. The realm
// implements it; tests use a fake.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "node/network/dns.h"
#include "node/network/link_plan.h"

namespace hlid::node::network {

/// Bytes since a tap was made, as its machine sees them.
struct Traffic {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

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

  /// What went through each tap, by its name (tap_name); one file read for all. Empty while the network is
  /// down.
  virtual std::map<std::string, Traffic> traffic() { return {}; }
};

}  // namespace hlid::node::network
