#include "node/forward/rule.h"

#include <charconv>

#include <fmt/format.h>

#include "base/error.h"

namespace hlid::node::forward {
namespace {

Endpoint endpoint_from(const json::value& value) {
  const auto endpoint =
      value.is_string() ? parse_endpoint(std::string_view(value.get_string())) : std::nullopt;
  if (!endpoint) throw Error(Errc::protocol, "{} is no address and port", to_text(value));
  return *endpoint;
}

Rule rule_from(const json::value& value) {
  const auto* object = value.if_object();
  const auto* listen = object == nullptr ? nullptr : object->if_contains("listen");
  const auto* to = object == nullptr ? nullptr : object->if_contains("to");
  if (listen == nullptr || to == nullptr || !to->is_array())
    throw Error(Errc::protocol, "{} is no published port", to_text(value));
  Rule rule{.listen = endpoint_from(*listen), .to = {}, .lab = get_string(*object, "lab").value_or("")};
  for (const auto& item : to->get_array()) rule.to.push_back(endpoint_from(item));
  return rule;
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  return fmt::format("{}:{}", to_string(endpoint.address), endpoint.port);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto address = parse_ipv4(text.substr(0, colon));
  const auto digits = text.substr(colon + 1);
  int port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = failure == std::errc{} && end == digits.data() + digits.size();
  if (!address || !whole || port < 0 || port > 65535) return std::nullopt;
  return Endpoint{*address, port};
}

bool collide(const Endpoint& a, const Endpoint& b) {
  constexpr Ipv4 kEvery{0};
  return a.port == b.port && (a.address == b.address || a.address == kEvery || b.address == kEvery);
}

json::array to_json(const std::vector<Rule>& rules) {
  json::array list;
  for (const auto& rule : rules) {
    json::array to;
    for (const auto& endpoint : rule.to) to.emplace_back(to_string(endpoint));
    list.push_back(
        json::object{{"listen", to_string(rule.listen)}, {"to", std::move(to)}, {"lab", rule.lab}});
  }
  return list;
}

std::vector<Rule> rules_from_json(const json::value& value) {
  if (!value.is_array()) throw Error(Errc::protocol, "the published ports are no list");
  std::vector<Rule> rules;
  for (const auto& item : value.get_array()) rules.push_back(rule_from(item));
  return rules;
}

}  // namespace hlid::node::forward
