#include "node/service/interface_api.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "wire/api_error.h"

namespace hlid::node::service {
namespace {

using Parameters = std::map<std::string, std::string>;

std::optional<std::string> value_of(const Parameters& parameters, const std::string& key) {
  const auto it = parameters.find(key);
  return it == parameters.end() ? std::nullopt : std::optional(it->second);
}

json::array names(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

void add_address(json::object& object, const Interface& interface) {
  if (interface.address) {
    object["address"] = to_string(interface.address->address);
    object["netmask"] = std::to_string(interface.address->prefix);
    object["cidr"] = to_string(*interface.address);
  }
  if (interface.gateway) object["gateway"] = to_string(*interface.gateway);
}

void add_bridge_members(json::object& object, const Interface& interface) {
  object["bridge_ports"] = *interface.bridge_ports;
  object["bridge_stp"] = interface.bridge_stp;
  object["bridge_fd"] = interface.bridge_fd;
  if (interface.bridge_vlan_aware) object["bridge_vlan_aware"] = 1;
  if (!interface.bridge_vids.empty()) object["bridge_vids"] = interface.bridge_vids;
}

bool is_of_type(const Interface& interface, std::string_view type) {
  if (type.empty() || type == type_of(interface)) return true;
  return interface.is_bridge() && (type == "any_bridge" || type == "any_local_bridge");
}

std::optional<Cidr> address_from(const Parameters& parameters) {
  if (const auto cidr = value_of(parameters, "cidr"); cidr && !cidr->empty()) {
    if (const auto parsed = parse_cidr(*cidr)) return parsed;
    throw wire::parameter_error(
        "cidr", "invalid format - value does not look like a valid IPv4 network configuration");
  }
  const auto address = value_of(parameters, "address");
  if (!address || address->empty()) return std::nullopt;
  const auto parsed = parse_ipv4(*address);
  if (!parsed)
    throw wire::parameter_error("address", "invalid format - value does not look like a valid ipv4 address");
  const auto prefix = network::prefix_of_netmask(value_of(parameters, "netmask").value_or(""));
  if (!prefix)
    throw wire::parameter_error("netmask", "invalid format - value does not look like a valid IPv4 netmask");
  return Cidr{*parsed, *prefix};
}

void reset(Interface& interface, const std::string& key) {
  if (key == "gateway") interface.gateway.reset();
  if (key == "autostart") interface.autostart = false;
  if (key == "bridge_ports") interface.bridge_ports = "";
  if (key == "bridge_vlan_aware") interface.bridge_vlan_aware = false;
  if (key == "bridge_vids") interface.bridge_vids.clear();
  if (key == "mtu") interface.mtu.reset();
  if (key == "comments") interface.comments.clear();
}

void set_gateway(Interface& interface, const std::string& text) {
  interface.gateway = parse_ipv4(text);
  if (!interface.gateway)
    throw wire::parameter_error("gateway", "invalid format - value does not look like a valid ipv4 address");
}

void set_mtu(Interface& interface, const std::string& text) {
  int mtu = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), mtu);
  if (failure != std::errc{} || end != text.data() + text.size())
    throw wire::parameter_error("mtu", fmt::format("type check ('integer') failed - got '{}'", text));
  interface.mtu = mtu;
}

/// Comments end in a newline each, as the file has one `#` a line.
void set_comments(Interface& interface, std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  interface.comments = std::move(text);
}

}  // namespace

std::string_view type_of(const Interface& interface) {
  if (interface.is_bridge()) return "bridge";
  if (interface.name == "lo") return "loopback";
  if (interface.name.starts_with("bond")) return "bond";
  if (interface.name.find(':') != std::string::npos) return "alias";
  if (interface.name.find('.') != std::string::npos) return "vlan";
  return "eth";
}

json::object to_api(const Interface& interface, int priority, bool active) {
  json::object object{{"type", type_of(interface)},
                      {"method", interface.method},
                      {"method6", interface.method6},
                      {"families", names(interface.families)},
                      {"priority", priority}};
  if (active) object["active"] = 1;
  if (interface.autostart) object["autostart"] = 1;
  add_address(object, interface);
  if (interface.is_bridge()) add_bridge_members(object, interface);
  if (interface.mtu) object["mtu"] = std::to_string(*interface.mtu);
  if (!interface.comments.empty()) object["comments"] = interface.comments;
  if (!interface.options.empty()) object["options"] = names(interface.options);
  if (!interface.options6.empty()) object["options6"] = names(interface.options6);
  return object;
}

json::array to_api(const NetworkConfig& config, const std::vector<std::string>& active,
                   std::string_view type) {
  json::array list;
  int priority = 2;  // 1 is kept for lo, which the file's own `lo` then does not use
  for (const auto& interface : config.interfaces) {
    const int own = priority++;
    if (interface.name == "lo" || !is_of_type(interface, type)) continue;
    auto object = to_api(interface, own, std::ranges::find(active, interface.name) != active.end());
    object["iface"] = interface.name;
    list.push_back(std::move(object));
  }
  return list;
}

void update_from_api(Interface& interface, const std::map<std::string, std::string>& parameters) {
  if (const auto type = value_of(parameters, "type"); type && *type != "bridge")
    throw wire::parameter_error("type", "only bridges can be made on this node");
  for (const auto& key : split_list(value_of(parameters, "delete").value_or(""), ",; "))
    reset(interface, key);
  interface.address = address_from(parameters);
  interface.method = interface.address ? "static" : "manual";
  if (std::ranges::find(interface.families, "inet") == interface.families.end())
    interface.families.insert(interface.families.begin(), "inet");
  if (const auto gateway = value_of(parameters, "gateway")) set_gateway(interface, *gateway);
  if (const auto autostart = value_of(parameters, "autostart")) interface.autostart = *autostart == "1";
  if (const auto ports = value_of(parameters, "bridge_ports")) interface.bridge_ports = *ports;
  if (!interface.bridge_ports) interface.bridge_ports = "";
  if (const auto aware = value_of(parameters, "bridge_vlan_aware"))
    interface.bridge_vlan_aware = *aware == "1";
  if (const auto vids = value_of(parameters, "bridge_vids")) interface.bridge_vids = *vids;
  if (const auto mtu = value_of(parameters, "mtu")) set_mtu(interface, *mtu);
  if (const auto comments = value_of(parameters, "comments")) set_comments(interface, *comments);
}

}  // namespace hlid::node::service
