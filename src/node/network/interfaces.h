// The node's `etc/network/interfaces`: the ifupdown format that Proxmox VE keeps its bridges in, as plain
// data. Source of the format: interfaces(5) of ifupdown, and "Network Configuration" in the Proxmox VE
// administration guide. Knows nothing of namespaces; what the realm makes of it is in link_plan.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace hlid::node::network {

/// One interface: its `auto` line, its `iface … inet` stanza and, kept as text, its `iface … inet6` stanza.
struct Interface {
  std::string name;
  bool autostart = false;
  std::vector<std::string> families;  ///< as declared: "inet", "inet6"
  std::string method = "manual";      ///< inet: manual, static, dhcp or loopback
  std::string method6 = "manual";
  std::optional<Cidr> address;              ///< with method static
  std::optional<Ipv4> gateway;              ///< kept and shown; the realm's way out is its uplink
  std::optional<std::string> bridge_ports;  ///< present: it is a bridge; "" is written `none`
  std::string bridge_stp = "off";
  std::string bridge_fd = "0";
  bool bridge_vlan_aware = false;
  std::string bridge_vids;
  std::optional<int> mtu;
  std::string comments;               ///< the `#` lines of the stanza without the `#`, each with its newline
  std::vector<std::string> options;   ///< other lines of the inet stanza, verbatim
  std::vector<std::string> options6;  ///< lines of the inet6 stanza, verbatim

  bool is_bridge() const { return bridge_ports.has_value(); }
  bool operator==(const Interface&) const = default;
};

/// The whole file, in file order; `lo` is among the interfaces.
struct NetworkConfig {
  std::vector<Interface> interfaces;

  const Interface* find(std::string_view name) const;
  Interface* find(std::string_view name);
  /// The bridges that the realm brings up: those with autostart.
  std::vector<Interface> bridges() const;
  bool operator==(const NetworkConfig&) const = default;
};

/// What a new node has: lo, and vmbr0 at 10.10.10.1/24 without ports.
NetworkConfig default_network();

/// Reads the file's text. Throws Error(usage) that names the line for what it cannot keep: a line outside of
/// any stanza, a bad address, an unknown method, `source` and `mapping`.
NetworkConfig parse_interfaces(std::string_view text);

/// The file's text; parse_interfaces gives an equal value back.
std::string print_interfaces(const NetworkConfig& config);

/// The prefix length of "24" or "255.255.255.0"; nullopt for what is neither.
std::optional<int> prefix_of_netmask(std::string_view text);

/// Throws Error(usage) unless the realm can be built from it: names the kernel takes and the realm does not
/// use itself, no two bridges in overlapping networks, none in the uplink's network.
void validate(const NetworkConfig& config);

}  // namespace hlid::node::network
