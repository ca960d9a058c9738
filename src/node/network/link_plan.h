// What `ip` and `nft` are to be told so that the realm looks as the node's configuration says: pure functions
// from what is wanted and what is there to the text of their batch modes (ip(8) -batch, nft(8) -f).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "node/network/interfaces.h"

namespace hlid::node::network {

/// One interface as the kernel has it.
struct Link {
  std::string name;
  std::string kind;  ///< "bridge", "tun", "" for others
  std::string mac;
  std::string alias;
  std::string master;
  int mtu = 0;
  bool up = false;
  std::vector<Cidr> addresses;
};

/// Reads `ip -json -details address show`. Throws Error(protocol).
std::vector<Link> parse_links(std::string_view json_text);

/// The tap device of one network card of a machine.
struct Tap {
  Vmid vmid;
  int card = 0;  ///< the N of netN
  std::string bridge;
  int queues = 1;
  std::optional<int> mtu;  ///< absent: as the bridge
  std::optional<int> tag;  ///< VLAN
};

/// "tap1001i0", Proxmox's own scheme; at most 15 characters as long as the card's number has one or two
/// digits.
std::string tap_name(Vmid vmid, int card);
/// The machine of a tap's name; absent for other names.
std::optional<Vmid> vmid_of_tap(std::string_view name);

/// Lines for `ip -batch -`; "" when nothing is to be done. Throws Error(precondition) when a bridge that is
/// to go still has machines on it.
std::string bridge_batch(const NetworkConfig& wanted, const std::vector<Link>& present);

/// Lines that (re)make the taps and attach them. A tagged tap goes to a bridge of its own kind, "vmbr0v7", as
/// on a Proxmox bridge that is not VLAN aware: machines with the same tag reach each other and nobody else,
/// and kernels without VLAN filtering will do. Throws Error(not_found) for a bridge that is not there.
std::string tap_batch(const std::vector<Tap>& taps, const std::vector<Link>& present);

/// Lines that remove the given machine's taps (or, without a machine, those whose machine is not in `kept`).
std::string remove_taps_of(Vmid vmid, const std::vector<Link>& present);
std::string remove_taps_except(const std::set<Vmid>& kept, const std::vector<Link>& present);

/// The packet rules: whatever leaves by the uplink does so under the realm's own address. Replaces earlier
/// ones in one transaction.
std::string nat_rules();

/// A bridge's fixed hardware address. A bridge otherwise takes the lowest of its ports', so that the
/// gateway's would change under running machines. Locally administered, the same in every realm.
std::string bridge_mac(std::string_view bridge);

}  // namespace hlid::node::network
