#include "node/network/interfaces.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "node/network/uplink.h"

namespace hlid::node::network {
namespace {

constexpr std::string_view kHeader =
    "# The bridges of this node, in the format of ifupdown. Written by hlid-node; lines it does not know are "
    "kept,\n"
    "# but blank lines and comments outside of a stanza are not.\n\n";

/// Splits at the first run of blanks: "bridge-ports none" is {"bridge-ports", "none"}.
std::pair<std::string, std::string> key_and_value(std::string_view line) {
  const auto blank = line.find_first_of(" \t");
  if (blank == std::string_view::npos) return {std::string(line), ""};
  return {std::string(line.substr(0, blank)), std::string(trim(line.substr(blank)))};
}

int integer(std::string_view text, std::string_view what) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size())
    throw Error(Errc::usage, "{} '{}' is not a number", what, text);
  return value;
}

void read_address(Interface& interface, const std::string& value) {
  if (const auto cidr = parse_cidr(value)) {
    interface.address = cidr;
  } else if (const auto plain = parse_ipv4(value)) {
    interface.address = Cidr{*plain, interface.address ? interface.address->prefix : 32};
  } else {
    throw Error(Errc::usage, "'{}' is not an IPv4 address", value);
  }
}

void read_netmask(Interface& interface, const std::string& value) {
  const auto prefix = prefix_of_netmask(value);
  if (!prefix) throw Error(Errc::usage, "'{}' is not a netmask", value);
  interface.address = Cidr{interface.address ? interface.address->address : Ipv4{}, *prefix};
}

void read_gateway(Interface& interface, const std::string& value) {
  interface.gateway = parse_ipv4(value);
  if (!interface.gateway) throw Error(Errc::usage, "gateway '{}' is not an IPv4 address", value);
}

/// ifupdown takes bridge_ports and bridge-ports alike.
void read_option(Interface& interface, std::string_view line) {
  const auto [key, value] = key_and_value(line);
  const auto name = replace_all(key, "_", "-");
  if (name == "address")
    read_address(interface, value);
  else if (name == "netmask")
    read_netmask(interface, value);
  else if (name == "gateway")
    read_gateway(interface, value);
  else if (name == "bridge-ports")
    interface.bridge_ports = value == "none" ? "" : value;
  else if (name == "bridge-stp")
    interface.bridge_stp = value;
  else if (name == "bridge-fd")
    interface.bridge_fd = value;
  else if (name == "bridge-vlan-aware")
    interface.bridge_vlan_aware = value == "yes";
  else if (name == "bridge-vids")
    interface.bridge_vids = value;
  else if (name == "mtu")
    interface.mtu = integer(value, "mtu");
  else
    interface.options.emplace_back(line);
}

/// Reads the file line by line; the state is the stanza that the next option line belongs to.
class Reader {
 public:
  NetworkConfig read(std::string_view text) {
    int number = 0;
    for (const auto& raw : split(text, '\n')) {
      ++number;
      with_context(fmt::format("network interfaces, line {}", number), [&] { read_line(trim(raw)); });
    }
    for (auto& interface : config_.interfaces)
      interface.autostart = std::ranges::find(auto_, interface.name) != auto_.end();
    return std::move(config_);
  }

 private:
  void read_line(std::string_view line) {
    if (line.empty()) return;
    if (line.front() == '#') return read_comment(line.substr(1));
    const auto words = split_list(line, " \t");
    if (words.front() == "auto" || words.front() == "allow-hotplug") {
      stanza_.clear();
      auto_.insert(auto_.end(), words.begin() + 1, words.end());
    } else if (words.front() == "iface") {
      begin_stanza(words);
    } else if (words.front() == "source" || words.front() == "source-directory" ||
               words.front() == "mapping") {
      throw Error(Errc::usage, "'{}' is not supported here", words.front());
    } else if (stanza_.empty()) {
      throw Error(Errc::usage, "'{}' belongs to no interface", line);
    } else if (family_ == "inet6") {
      config_.find(stanza_)->options6.emplace_back(line);
    } else {
      read_option(*config_.find(stanza_), line);
    }
  }

  /// Comments within a stanza are the interface's; a comment before the first one is the file's header.
  void read_comment(std::string_view text) {
    if (!stanza_.empty() && family_ == "inet") config_.find(stanza_)->comments += std::string(text) + "\n";
  }

  void begin_stanza(const std::vector<std::string>& words) {
    constexpr std::array kMethods{"manual", "static", "dhcp", "loopback", "auto"};
    if (words.size() != 4 || (words[2] != "inet" && words[2] != "inet6") ||
        std::ranges::find(kMethods, words[3]) == kMethods.end())
      throw Error(Errc::usage, "expected 'iface NAME inet|inet6 METHOD'");
    stanza_ = words[1];
    family_ = words[2];
    auto* interface = config_.find(stanza_);
    if (interface == nullptr) {
      config_.interfaces.push_back({.name = stanza_});
      interface = &config_.interfaces.back();
    }
    if (std::ranges::find(interface->families, family_) != interface->families.end())
      throw Error(Errc::usage, "second '{}' stanza of '{}'", family_, stanza_);
    interface->families.push_back(family_);
    (family_ == "inet" ? interface->method : interface->method6) = words[3];
  }

  NetworkConfig config_;
  std::vector<std::string> auto_;
  std::string stanza_;
  std::string family_;
};

void print_line(std::string& out, std::string_view key, std::string_view value) {
  out += fmt::format("\t{} {}\n", key, value);
}

void print_inet(std::string& out, const Interface& interface) {
  out += fmt::format("iface {} inet {}\n", interface.name, interface.method);
  if (interface.address) print_line(out, "address", to_string(*interface.address));
  if (interface.gateway) print_line(out, "gateway", to_string(*interface.gateway));
  if (interface.bridge_ports) {
    print_line(out, "bridge-ports", interface.bridge_ports->empty() ? "none" : *interface.bridge_ports);
    print_line(out, "bridge-stp", interface.bridge_stp);
    print_line(out, "bridge-fd", interface.bridge_fd);
    if (interface.bridge_vlan_aware) print_line(out, "bridge-vlan-aware", "yes");
    if (!interface.bridge_vids.empty()) print_line(out, "bridge-vids", interface.bridge_vids);
  }
  if (interface.mtu) print_line(out, "mtu", std::to_string(*interface.mtu));
  for (const auto& option : interface.options) out += "\t" + option + "\n";
  for (const auto& comment : split(interface.comments, '\n'))
    if (!comment.empty()) out += "#" + comment + "\n";
}

std::string print_interface(const Interface& interface) {
  std::string out;
  if (interface.autostart) out += fmt::format("auto {}\n", interface.name);
  for (const auto& family : interface.families) {
    if (family == "inet") {
      print_inet(out, interface);
    } else {
      out += fmt::format("iface {} inet6 {}\n", interface.name, interface.method6);
      for (const auto& option : interface.options6) out += "\t" + option + "\n";
    }
  }
  return out + "\n";
}

void validate_name(const Interface& interface) {
  const auto& name = interface.name;
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  };
  if (name.size() < 2 || name.size() > 15 || !std::ranges::all_of(name, allowed) || name.front() == '-' ||
      name.front() == '.')
    throw Error(Errc::usage, "'{}' is not an interface name", name);
  if (interface.is_bridge() && (name == kUplinkName || name.starts_with("tap")))
    throw Error(Errc::usage, "the name '{}' is kept for the node itself", name);
}

bool overlap(const Cidr& a, const Cidr& b) {
  return a.contains(b.network()) || b.contains(a.network());
}

}  // namespace

const Interface* NetworkConfig::find(std::string_view name) const {
  const auto it = std::ranges::find(interfaces, name, &Interface::name);
  return it == interfaces.end() ? nullptr : &*it;
}

Interface* NetworkConfig::find(std::string_view name) {
  const auto it = std::ranges::find(interfaces, name, &Interface::name);
  return it == interfaces.end() ? nullptr : &*it;
}

std::vector<Interface> NetworkConfig::bridges() const {
  std::vector<Interface> result;
  std::ranges::copy_if(interfaces, std::back_inserter(result),
                       [](const Interface& i) { return i.is_bridge() && i.autostart; });
  return result;
}

NetworkConfig default_network() {
  return {{
      {.name = "lo", .autostart = true, .families = {"inet"}, .method = "loopback"},
      {.name = "vmbr0",
       .autostart = true,
       .families = {"inet"},
       .method = "static",
       .address = parse_cidr("10.10.10.1/24"),
       .bridge_ports = ""},
  }};
}

std::optional<int> prefix_of_netmask(std::string_view text) {
  for (int prefix = 0; prefix <= 32; ++prefix)
    if (text == std::to_string(prefix) || text == to_string(Cidr{{}, prefix}.netmask())) return prefix;
  return std::nullopt;
}

NetworkConfig parse_interfaces(std::string_view text) {
  return Reader().read(text);
}

std::string print_interfaces(const NetworkConfig& config) {
  std::string out(kHeader);
  for (const auto& interface : config.interfaces) out += print_interface(interface);
  return out;
}

void validate(const NetworkConfig& config) {
  for (const auto& interface : config.interfaces) validate_name(interface);
  const auto bridges = config.bridges();
  for (auto bridge = bridges.begin(); bridge != bridges.end(); ++bridge) {
    if (!bridge->address) continue;
    if (overlap(*bridge->address, uplink_network()))
      throw Error(Errc::usage, "the network {} of '{}' is the one the node's uplink uses ({})",
                  to_string(*bridge->address), bridge->name, to_string(uplink_network()));
    for (auto other = bridges.begin(); other != bridge; ++other)
      if (other->address && overlap(*bridge->address, *other->address))
        throw Error(Errc::usage, "the networks of '{}' and '{}' overlap ({} and {})", other->name,
                    bridge->name, to_string(*other->address), to_string(*bridge->address));
  }
}

}  // namespace hlid::node::network
