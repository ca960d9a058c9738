// The realm's way out: a user-mode network stack (slirp4netns, or pasta of passt) that carries the realm's
// packets through ordinary sockets of the host, so that neither root nor any change to the host's network is
// needed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace hlid::node::network {

/// The interface in the realm that the uplink serves.
inline constexpr std::string_view kUplinkName = "uplink";

/// 100.127.255.0/24, the last of the shared address space (RFC 6598): no LAN and no lab should hold it.
Cidr uplink_network();
/// Where the uplink forwards DNS to the host's resolver, whatever that is at the moment.
Ipv4 uplink_dns();

/// The first installed program that can be the uplink; absent when there is none.
struct UplinkProgram {
  std::string name;  ///< "slirp4netns" or "pasta"
  std::string path;
};
std::optional<UplinkProgram> find_uplink();

/// The command line that serves the realm whose namespaces are those of process `anchor`. Run from the host's
/// network. The host's loopback is not reachable through it: the node's own API listens there. A byte appears
/// on `ready_fd` once it carries packets (slirp4netns only; pasta closes it).
std::vector<std::string> uplink_command(const UplinkProgram& program, int anchor, bool user_namespace,
                                        int ready_fd);

}  // namespace hlid::node::network
