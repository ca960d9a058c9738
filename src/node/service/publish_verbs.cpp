// TCP ports of the host that lead to machines: what hlid's `publish:` asks for. Ours alone; a Proxmox VE
// answers 501.
#include <boost/json.hpp>

#include <algorithm>

#include "base/text.h"
#include "node/forward/status.h"
#include "node/network/interfaces.h"
#include "node/service/network_store.h"
#include "node/service/publish_store.h"
#include "node/service/verbs.h"
#include "wire/property_string.h"

namespace hlid::node::service {
namespace {

using forward::PortStatus;

json::array backends_of(const PortStatus& port) {
  json::array list;
  for (const auto& backend : port.backends)
    list.push_back(json::object{{"address", to_string(backend.at)},
                                {"health", to_string(backend.health)},
                                {"connections", backend.active},
                                {"error", backend.error}});
  return list;
}

json::object row_of(const forward::Rule& rule, const PortStatus* port) {
  std::vector<std::string> to;
  for (const auto& endpoint : rule.to) to.push_back(to_string(endpoint));
  json::object row{{"listen", to_string(rule.listen.address)},
                   {"port", rule.listen.port},
                   {"to", join(to, ";")},
                   {"lab", rule.lab},
                   {"active", port != nullptr && port->listening ? 1 : 0}};
  if (port == nullptr) {
    row["error"] = "the machines' network is down";
    return row;
  }
  if (!port->error.empty()) row["error"] = port->error;
  row["connections"] = port->active;
  row["limit"] = port->limit;
  row["accepted"] = port->accepted;
  row["failed"] = port->failed;
  row["netin"] = port->received;
  row["netout"] = port->sent;
  row["backends"] = backends_of(*port);
  return row;
}

Answer index(Parts&, Call&) {
  return json::array{json::object{{"name", "publish"}}};
}

Answer list(Parts& parts, Call&) {
  const auto ports = parts.published();
  json::array rows;
  for (const auto& rule : parts.publish_store->rules()) {
    const auto found = std::ranges::find(ports, rule.listen, &PortStatus::listen);
    rows.push_back(row_of(rule, found == ports.end() ? nullptr : &*found));
  }
  return rows;
}

[[noreturn]] void refuse(const std::string& text, const std::string& fix) {
  throw wire::parameter_error("ports", fix.empty() ? text : text + "\nfix: " + fix);
}

/// Of parameters that were checked.
forward::Rule rule_of(const std::string& text) {
  const auto properties = wire::PropertyString::parse(text);
  forward::Rule rule;
  rule.listen.address = parse_ipv4(properties.get_or("listen", "127.0.0.1")).value_or(Ipv4{});
  rule.listen.port = std::stoi(properties.get_or("port", "0"));
  for (const auto& item : split_list(properties.get_or("to", ""), ",; "))
    if (const auto endpoint = forward::parse_endpoint(item)) rule.to.push_back(*endpoint);
  if (rule.to.empty()) refuse("port " + std::to_string(rule.listen.port) + " leads nowhere", "");
  return rule;
}

/// The forwarder reaches the networks of the node's bridges; an address elsewhere would go out into the world
/// and back.
void require_within(const network::NetworkConfig& config, const forward::Rule& rule) {
  const auto bridges = config.bridges();
  for (const auto& endpoint : rule.to) {
    const bool within = std::ranges::any_of(bridges, [&](const Interface& bridge) {
      return bridge.address && bridge.address->contains(endpoint.address);
    });
    if (!within) refuse(to_string(endpoint.address) + " is in no network of this node's bridges", "");
  }
}

Answer replace(Parts& parts, Call& call) {
  std::vector<forward::Rule> rules;
  const auto* given = call.params.find("ports");
  for (const auto& text : given == nullptr ? std::vector<std::string>{} : given->items) {
    rules.push_back(rule_of(text));
    require_within(parts.network->current(), rules.back());
  }
  try {
    parts.publish_store->replace(call.params.get_or("lab", ""), std::move(rules), parts.publish);
  } catch (const Error& error) {
    const auto code = error.code();
    if (code != Errc::conflict && code != Errc::denied && code != Errc::precondition) throw;
    refuse(error.what(), error.hint());
  }
  return nullptr;
}

}  // namespace

std::vector<Verb> publish_verbs() {
  return {
      {"GET", "/nodes/{node}/hlid", Pace::quick, for_users(), index},
      {"GET", "/nodes/{node}/hlid/publish", Pace::work, all_of("/nodes/{node}", {"Sys.Audit"}), list},
      {"PUT", "/nodes/{node}/hlid/publish", Pace::work, all_of("/nodes/{node}", {"Sys.Modify"}), replace},
  };
}

}  // namespace hlid::node::service
