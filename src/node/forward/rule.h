// What is published: TCP ports of the host, and where in the realm each leads to. Plain data and its texts.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/json.h"

namespace hlid::node::forward {

struct Endpoint {
  Ipv4 address;
  int port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

/// "10.10.10.111:80"
std::string to_string(const Endpoint& endpoint);
std::optional<Endpoint> parse_endpoint(std::string_view text);

struct Rule {
  Endpoint listen;           ///< of the host; 0.0.0.0: all of its addresses
  std::vector<Endpoint> to;  ///< in the realm; each connection goes to one that answers
  std::string lab;           ///< whose rule it is; "" nobody's in particular
  bool operator==(const Rule&) const = default;
};

/// Whether one socket would be in the other's way.
bool collide(const Endpoint& a, const Endpoint& b);

/// [{"listen":"127.0.0.1:8080","to":["10.10.10.111:80"],"lab":"valaskjalf"}]
json::array to_json(const std::vector<Rule>& rules);
/// Throws Error(protocol) for anything else.
std::vector<Rule> rules_from_json(const json::value& value);

}  // namespace hlid::node::forward
