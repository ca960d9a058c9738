#include "node/network/dns.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/text.h"
#include "node/network/uplink.h"

namespace hlid::node::network {
namespace {

bool is_host_name(std::string_view name) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, allowed) && name.front() != '-' &&
         name.front() != '.';
}

bool is_mac(std::string_view mac) {
  if (mac.size() != 17) return false;
  for (std::size_t i = 0; i < mac.size(); ++i)
    if (i % 3 == 2 ? mac[i] != ':' : std::isxdigit(static_cast<unsigned char>(mac[i])) == 0) return false;
  return true;
}

/// "m1.lab.example m1"; a name that already has dots is not lengthened.
std::string names_of(const Host& host) {
  const auto name = to_lower(host.name);
  if (!is_host_name(host.domain)) return name;
  return fmt::format("{}.{} {}", name, to_lower(host.domain), name);
}

/// The last quarter of the network but for its end: .192-.254 of a /24. Machines with a static address there
/// keep it, because dnsmasq gives out no address that a host entry names.
std::string dhcp_range(const Interface& bridge) {
  const auto& cidr = *bridge.address;
  const auto last = cidr.broadcast().value - 1;
  const auto first = cidr.network().value + (cidr.broadcast().value - cidr.network().value + 1) / 4 * 3;
  return fmt::format("dhcp-range=set:{},{},{},{},12h\n", bridge.name, to_string(Ipv4{first}),
                     to_string(Ipv4{last}), to_string(cidr.netmask()));
}

}  // namespace

std::string hosts_file(const std::vector<Host>& hosts) {
  std::string text;
  for (const auto& host : hosts)
    if (host.address && is_host_name(host.name))
      text += fmt::format("{} {}\n", to_string(*host.address), names_of(host));
  return text;
}

std::string dhcp_hosts_file(const std::vector<Host>& hosts) {
  std::string text;
  for (const auto& host : hosts) {
    if (!is_host_name(host.name) || !is_mac(host.mac)) continue;
    text += to_lower(host.mac);
    if (host.address) text += "," + to_string(*host.address);
    text += fmt::format(",{}\n", to_lower(host.name));
  }
  return text;
}

std::string dnsmasq_config(const NetworkConfig& network, const std::string& folder) {
  // no-ping: every machine here is known by its configuration, so no address needs three seconds of asking
  // around. no-daemon also keeps it from becoming another user: there may be none in the realm's user
  // namespace, and its files are for their owner only. It runs with few capabilities instead (holder.cpp).
  std::string text = fmt::format(
      "no-daemon\nlog-facility=-\n"
      "no-resolv\nno-hosts\nserver={}\ndomain-needed\nbogus-priv\ncache-size=1000\n"
      "addn-hosts={}/hosts\ndhcp-hostsfile={}/dhcp-hosts\ndhcp-leasefile={}/"
      "leases\ndhcp-authoritative\nno-ping\n"
      "bind-dynamic\nexcept-interface={}\n",
      to_string(uplink_dns()), folder, folder, folder, kUplinkName);
  for (const auto& bridge : network.bridges()) {
    if (!bridge.address) continue;
    text += fmt::format("interface={}\n", bridge.name);
    if (bridge.address->prefix <= 28) text += dhcp_range(bridge);
  }
  return text;
}

}  // namespace hlid::node::network
