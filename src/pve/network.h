#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "pve/session.h"

/// A node's network configuration. (pve-manager, API2/Network.pm.)
namespace hlid::pve {

struct Interface {
  std::string name, type;  ///< bridge, eth, bond, …
  bool active = false;
  std::optional<Cidr> address;
};

std::vector<Interface> interfaces(const Session& session, const std::string& node);
/// Writes the bridge with that address into the pending configuration; `exists`: it is changed, else created.
void write_bridge(const Session& session, const std::string& node, const std::string& bridge,
                  const Cidr& address, bool exists);
/// Makes the pending configuration the running one.
void apply_network(const Session& session, const std::string& node);

}  // namespace hlid::pve
