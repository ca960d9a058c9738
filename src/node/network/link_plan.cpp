#include "node/network/link_plan.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "node/network/uplink.h"

namespace hlid::node::network {
namespace {

const Link* find_link(const std::vector<Link>& links, std::string_view name) {
  const auto it = std::ranges::find(links, name, &Link::name);
  return it == links.end() ? nullptr : &*it;
}

bool has_flag(const json::object& link, std::string_view flag) {
  const auto* flags = link.if_contains("flags");
  if (flags == nullptr || !flags->is_array()) return false;
  return std::ranges::any_of(flags->get_array(),
                             [&](const json::value& f) { return f.is_string() && f.get_string() == flag; });
}

void read_kind(Link& link, const json::object& from) {
  const auto* info = from.if_contains("linkinfo");
  if (info == nullptr || !info->is_object()) return;
  link.kind = get_string(info->get_object(), "info_kind").value_or("");
}

void read_addresses(Link& link, const json::object& from) {
  const auto* infos = from.if_contains("addr_info");
  if (infos == nullptr || !infos->is_array()) return;
  for (const auto& info : infos->get_array()) {
    if (!info.is_object() || get_string(info.get_object(), "family") != "inet") continue;
    const auto address = parse_ipv4(get_string(info.get_object(), "local").value_or(""));
    if (address)
      link.addresses.push_back(
          {*address, static_cast<int>(get_integer(info.get_object(), "prefixlen").value_or(32))});
  }
}

Link read_link(const json::object& from) {
  Link link;
  link.name = get_string(from, "ifname").value_or("");
  link.mac = get_string(from, "address").value_or("");
  link.alias = get_string(from, "ifalias").value_or("");
  link.master = get_string(from, "master").value_or("");
  link.mtu = static_cast<int>(get_integer(from, "mtu").value_or(0));
  link.up = has_flag(from, "UP");
  read_kind(link, from);
  read_addresses(link, from);
  return link;
}

std::string delete_line(const Link& link) {
  return fmt::format("link delete dev {}\n", link.name);
}

const Link* port_of(const Link& bridge, const std::vector<Link>& links) {
  const auto it = std::ranges::find(links, bridge.name, &Link::master);
  return it == links.end() ? nullptr : &*it;
}

/// "vmbr0" of "vmbr0v7", the bridge of tag 7; other names are their own.
std::string_view untagged(std::string_view bridge) {
  const auto v = bridge.rfind('v');
  const bool tagged = v != std::string_view::npos && v > 0 && v + 1 < bridge.size() &&
                      bridge.find_first_not_of("0123456789", v + 1) == std::string_view::npos;
  return tagged ? bridge.substr(0, v) : bridge;
}

void remove_bridge(std::string& batch, const Link& bridge, const std::vector<Interface>& wanted,
                   const std::vector<Link>& present) {
  const auto* port = port_of(bridge, present);
  const bool of_tag = std::ranges::find(wanted, untagged(bridge.name), &Interface::name) != wanted.end();
  if (port == nullptr)
    batch += delete_line(bridge);
  else if (!of_tag)
    throw Error(Errc::precondition, "bridge '{}' cannot be removed: machine {} uses it", bridge.name,
                vmid_of_tap(port->name).value_or(Vmid{}).value);
}

void update_addresses(std::string& batch, const Interface& wanted, const Link* present) {
  bool there = false;
  if (present != nullptr)
    for (const auto& address : present->addresses) {
      if (wanted.address == address)
        there = true;
      else
        batch += fmt::format("address delete {} dev {}\n", to_string(address), wanted.name);
    }
  if (wanted.address && !there)
    batch += fmt::format("address add {} broadcast {} dev {}\n", to_string(*wanted.address),
                         to_string(wanted.address->broadcast()), wanted.name);
}

/// No multicast snooping: nothing in the realm asks for group reports, so it would only lose VRRP and
/// neighbour discovery.
std::string add_bridge(const std::string& name) {
  return fmt::format("link add name {} address {} type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n",
                     name, bridge_mac(name));
}

void update_bridge(std::string& batch, const Interface& wanted, const Link* present) {
  if (present == nullptr) batch += add_bridge(wanted.name);
  const int mtu = wanted.mtu.value_or(1500);
  if (present == nullptr ? wanted.mtu.has_value() : present->mtu != mtu)
    batch += fmt::format("link set dev {} mtu {}\n", wanted.name, mtu);
  update_addresses(batch, wanted, present);
  if (present == nullptr || !present->up) batch += fmt::format("link set dev {} up\n", wanted.name);
}

/// The bridge of a tap, made when it is that of a tag and not there yet.
std::string bridge_for(const Tap& tap, const Link& bridge, const std::vector<Link>& present,
                       std::set<std::string>& made, std::string& batch) {
  if (!tap.tag) return bridge.name;
  auto name = fmt::format("{}v{}", bridge.name, *tap.tag);
  if (find_link(present, name) == nullptr && made.insert(name).second)
    batch += add_bridge(name) + fmt::format("link set dev {} mtu {} up\n", name, bridge.mtu);
  return name;
}

}  // namespace

std::vector<Link> parse_links(std::string_view json_text) {
  const auto value = parse_json(json_text, "the output of 'ip'");
  if (!value.is_array()) throw Error(Errc::protocol, "the output of 'ip' is not a list");
  std::vector<Link> links;
  for (const auto& item : value.get_array())
    if (item.is_object() && item.get_object().contains("ifname"))
      links.push_back(read_link(item.get_object()));
  return links;
}

std::string tap_name(Vmid vmid, int card) {
  return fmt::format("tap{}i{}", vmid.value, card);
}

std::optional<Vmid> vmid_of_tap(std::string_view name) {
  if (!name.starts_with("tap")) return std::nullopt;
  int vmid = 0;
  const auto [end, failure] = std::from_chars(name.data() + 3, name.data() + name.size(), vmid);
  if (failure != std::errc{} || end == name.data() + name.size() || *end != 'i') return std::nullopt;
  return Vmid{vmid};
}

std::string bridge_batch(const NetworkConfig& wanted, const std::vector<Link>& present) {
  std::string batch;
  const auto bridges = wanted.bridges();
  for (const auto& link : present)
    if (link.kind == "bridge" && std::ranges::find(bridges, link.name, &Interface::name) == bridges.end())
      remove_bridge(batch, link, bridges, present);
  for (const auto& bridge : bridges) update_bridge(batch, bridge, find_link(present, bridge.name));
  return batch;
}

std::string tap_batch(const std::vector<Tap>& taps, const std::vector<Link>& present) {
  std::string batch;
  std::set<std::string> made;
  for (const auto& tap : taps) {
    const auto name = tap_name(tap.vmid, tap.card);
    const auto* bridge = find_link(present, tap.bridge);
    if (bridge == nullptr || bridge->kind != "bridge")
      throw Error(Errc::not_found, "bridge '{}' does not exist", tap.bridge);
    if (const auto* old = find_link(present, name)) batch += delete_line(*old);
    const auto master = bridge_for(tap, *bridge, present, made, batch);
    // Owned by the realm's root, who the machine's QEMU is too, so that it may attach without any capability.
    batch += fmt::format("tuntap add dev {} mode tap user 0{}\n", name, tap.queues > 1 ? " multi_queue" : "");
    batch +=
        fmt::format("link set dev {} mtu {} master {} up\n", name, tap.mtu.value_or(bridge->mtu), master);
  }
  return batch;
}

std::string remove_taps_of(Vmid vmid, const std::vector<Link>& present) {
  std::string batch;
  for (const auto& link : present)
    if (vmid_of_tap(link.name) == vmid) batch += delete_line(link);
  return batch;
}

std::string remove_taps_except(const std::set<Vmid>& kept, const std::vector<Link>& present) {
  std::string batch;
  for (const auto& link : present)
    if (const auto vmid = vmid_of_tap(link.name); vmid && !kept.contains(*vmid)) batch += delete_line(link);
  return batch;
}

std::string nat_rules() {
  // "table" before "delete table" makes the deletion succeed also the first time.
  return fmt::format(
      "table ip hlid\n"
      "delete table ip hlid\n"
      "table ip hlid {{\n"
      "  chain outgoing {{\n"
      "    type nat hook postrouting priority srcnat; policy accept;\n"
      "    oifname \"{}\" masquerade\n"
      "  }}\n"
      "}}\n",
      kUplinkName);
}

std::string bridge_mac(std::string_view bridge) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : bridge) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return fmt::format("02:68:6c:{:02x}:{:02x}:{:02x}", hash >> 16 & 255U, hash >> 8 & 255U, hash & 255U);
}

}  // namespace hlid::node::network
