#pragma once
#include <cstdint>
#include <string>

#include "guest/identity.h"

namespace hlid::guest {

/// Has the kernel find the cards that its copy did not have (Documentation/ABI/testing/sysfs-bus-pci, rescan)
/// and gives the one with the identity's MAC its address at once. The network daemon, which comes up seconds
/// later, finds there what it would have made itself, and adds routes and DNS. Returns "" or what could not
/// be done and why.
std::string join_network(const Identity& identity);

/// What an interface is given, parsed. `ok` is false for anything but IPv4 "a.b.c.d/1..32".
struct Ipv4 {
  std::uint32_t address = 0;  ///< network byte order, as is the mask
  std::uint32_t mask = 0;
  bool ok = false;
};
Ipv4 parse_ipv4(const std::string& cidr);

/// The interface with that MAC among those in `folder` (/sys/class/net); "" when there is none.
std::string interface_with_mac(const std::string& folder, const std::string& mac);

}  // namespace hlid::guest
