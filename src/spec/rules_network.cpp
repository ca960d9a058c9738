#include <map>
#include <set>

#include <fmt/format.h>

#include "spec/rules.h"

namespace hlid::spec {
namespace {

std::string range_of(const Cidr& network) {
  return fmt::format("{} to {}", to_string(network.network() + 1),
                     to_string(Ipv4{network.broadcast().value - 1}));
}

void check_machine_addresses(const Draft& draft, Diagnostics& diagnostics) {
  std::set<Position> said;
  for (const auto& placed : draft.machines) {
    if (placed.address_wrong) continue;
    const auto fault = unfit(placed.machine.address.address, draft.lab.network.cidr);
    if (!fault || !said.insert(placed.address_at).second) continue;
    const bool by_default = placed.address_at == draft.groups[placed.group].at;
    const auto hint = by_default ? fmt::format("give the group an 'address' {}", fault->hint) : fault->hint;
    diagnostics.error(placed.address_at, fmt::format("'{}': {}", placed.machine.name, fault->message), hint);
  }
}

/// Who has which address or VMID; says the first conflict of each pair of owners' places.
template <typename Key>
class Owners {
 public:
  explicit Owners(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}
  void claim(Key key, const std::string& shown, const std::string& who, const Position& at,
             const std::string& hint) {
    const auto [known, is_new] = owners_.emplace(key, std::pair(who, at));
    if (is_new || !said_.insert({known->second.second, at}).second) return;
    diagnostics_.error(at, fmt::format("{} of {} belongs to {}", shown, who, known->second.first), hint);
  }

 private:
  Diagnostics& diagnostics_;
  std::map<Key, std::pair<std::string, Position>> owners_;
  std::set<std::pair<Position, Position>> said_;
};

void check_address_overlaps(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  const auto hint = "every address may be used once; move the group's 'address'";
  Owners<Ipv4> owners(diagnostics);
  const Section network = top.map("network");
  owners.claim(draft.lab.network.gateway, "", "the gateway", network.at("gateway"), "");
  for (const auto& [text, at] : network.list("dns")) {
    const auto address = parse_ipv4(text);
    if (address && *address != draft.lab.network.gateway)
      owners.claim(*address, to_string(*address), "a name server", at, hint);
  }
  if (draft.lab.cluster && draft.lab.cluster->vip)
    owners.claim(*draft.lab.cluster->vip, to_string(*draft.lab.cluster->vip), "the cluster's vip",
                 top.map("cluster").at("vip"), hint);
  for (const auto& placed : draft.machines) {
    const auto address = placed.machine.address.address;
    if (!placed.address_wrong)
      owners.claim(address, to_string(address), fmt::format("'{}'", placed.machine.name), placed.address_at,
                   hint);
  }
}

void check_vmid_overlaps(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  Owners<Vmid> owners(diagnostics);
  owners.claim(draft.lab.image.vmid, "", "the template", top.map("template").at("vmid"), "");
  std::set<Position> said;
  for (const auto& placed : draft.machines) {
    const auto vmid = placed.machine.vmid;
    if (vmid.value > 999'999'999 && said.insert(placed.vmid_at).second)
      diagnostics.error(placed.vmid_at,
                        fmt::format("VMID {} of '{}' is too large", vmid.value, placed.machine.name),
                        "at most 999999999");
    owners.claim(vmid, fmt::format("VMID {}", vmid.value), fmt::format("'{}'", placed.machine.name),
                 placed.vmid_at, "every VMID may be used once; move the group's 'vmid'");
  }
}

}  // namespace

std::optional<Fault> unfit(Ipv4 address, const Cidr& network) {
  const auto hint = fmt::format("from {}", range_of(network));
  if (!network.contains(address))
    return Fault{fmt::format("{} is outside the network {}", to_string(address), to_string(network)), hint};
  if (address == network.network())
    return Fault{fmt::format("{} is the network's own address", to_string(address)), hint};
  if (address == network.broadcast())
    return Fault{fmt::format("{} is the broadcast address", to_string(address)), hint};
  return std::nullopt;
}

void check_network_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  const Section network = top.map("network");
  const auto& cidr = draft.lab.network.cidr;
  if (network.is_wrong("cidr")) return;
  if (!network.is_wrong("gateway"))
    if (const auto fault = unfit(draft.lab.network.gateway, cidr))
      diagnostics.error(network.at("gateway"), "'gateway': " + fault->message, fault->hint);
  for (const auto& [text, at] : network.list("dns")) {
    const auto address = parse_ipv4(text);
    if (!address || !cidr.contains(*address)) continue;
    if (const auto fault = unfit(*address, cidr))
      diagnostics.error(at, "'dns': " + fault->message, fault->hint);
  }
  if (draft.lab.cluster && draft.lab.cluster->vip)
    if (const auto fault = unfit(*draft.lab.cluster->vip, cidr))
      diagnostics.error(top.map("cluster").at("vip"), "'vip': " + fault->message, fault->hint);
  check_machine_addresses(draft, diagnostics);
}

void check_overlaps(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  if (!top.map("network").is_wrong("cidr")) check_address_overlaps(top, draft, diagnostics);
  check_vmid_overlaps(top, draft, diagnostics);
}

}  // namespace hlid::spec
