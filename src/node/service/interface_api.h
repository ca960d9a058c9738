// An interface as the Proxmox VE API shows and takes it: GET, POST and PUT of /nodes/N/network.
// Shape: recorded exchanges 120-node-network and 121-node-network-iface; parameters: the API's own schema.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "node/network/interfaces.h"

namespace hlid::node::service {

using network::Interface;
using network::NetworkConfig;

/// Proxmox's `type`: bridge, bond, vlan, alias, eth (by name and options) or loopback.
std::string_view type_of(const Interface& interface);

/// The members of one interface; `priority` is its place in the file. Without "iface", as GET of a single one
/// has it.
boost::json::object to_api(const Interface& interface, int priority, bool active);

/// The list of GET /nodes/N/network: all but `lo`. `active` are the names that are up in the realm.
boost::json::array to_api(const NetworkConfig& config, const std::vector<std::string>& active,
                          std::string_view type = {});

/// What POST and PUT do with their parameters: those named are set, those in `delete` reset, others kept; but
/// an interface whose call names no address has none afterwards (method manual), as with Proxmox. Understood:
/// type, address with netmask, cidr, gateway, autostart, bridge_ports, bridge_vlan_aware, bridge_vids, mtu,
/// comments, delete; others are ignored. Throws wire::ApiError(400) for values that cannot be, and for other
/// types than bridge.
void update_from_api(Interface& interface, const std::map<std::string, std::string>& parameters);

}  // namespace hlid::node::service
