// The realm's name service: dnsmasq's files as pure functions. It answers for the machines by name, forwards
// all else through the uplink, and gives addresses by DHCP to machines that ask.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "node/network/interfaces.h"

namespace hlid::node::network {

/// One network card of a machine as its configuration describes it.
struct Host {
  std::string name;    ///< the machine's name
  std::string domain;  ///< its search domain, or ""
  std::string mac;
  std::optional<Ipv4> address;  ///< static (ipconfigN); absent: it asks DHCP
};

/// hosts(5): each machine with an address, by short name and with its domain. Names that are not host names
/// are left out: they would be read as something else.
std::string hosts_file(const std::vector<Host>& hosts);
/// dnsmasq(8), --dhcp-hostsfile: a machine that asks gets its own address and name.
std::string dhcp_hosts_file(const std::vector<Host>& hosts);

/// dnsmasq.conf for the bridges that have an address. `folder` holds the files above, and the leases.
std::string dnsmasq_config(const NetworkConfig& network, const std::string& folder);

}  // namespace hlid::node::network
