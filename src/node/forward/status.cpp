#include "node/forward/status.h"

#include "base/error.h"

namespace hlid::node::forward {
namespace {

Health health_from(std::string_view text) {
  for (const auto health : {Health::up, Health::down})
    if (text == to_string(health)) return health;
  return Health::unknown;
}

json::object to_json(const BackendStatus& backend) {
  return {{"at", to_string(backend.at)},
          {"health", to_string(backend.health)},
          {"active", backend.active},
          {"error", backend.error}};
}

const json::object& object_of(const json::value& value) {
  if (!value.is_object()) throw Error(Errc::protocol, "{} is no status of a published port", to_text(value));
  return value.get_object();
}

std::uint64_t count_of(const json::object& object, std::string_view key) {
  return static_cast<std::uint64_t>(get_integer(object, key).value_or(0));
}

int small_of(const json::object& object, std::string_view key) {
  return static_cast<int>(get_integer(object, key).value_or(0));
}

Endpoint endpoint_of(const json::object& object, std::string_view key) {
  return parse_endpoint(get_string(object, key).value_or("")).value_or(Endpoint{});
}

PortStatus port_from(const json::object& object) {
  PortStatus port;
  port.listen = endpoint_of(object, "listen");
  port.listening = get_bool(object, "listening").value_or(false);
  port.error = get_string(object, "error").value_or("");
  port.active = small_of(object, "active");
  port.limit = small_of(object, "limit");
  port.accepted = count_of(object, "accepted");
  port.failed = count_of(object, "failed");
  port.received = count_of(object, "received");
  port.sent = count_of(object, "sent");
  const auto* backends = object.if_contains("backends");
  if (backends == nullptr || !backends->is_array()) return port;
  for (const auto& item : backends->get_array()) {
    const auto& from = object_of(item);
    port.backends.push_back({endpoint_of(from, "at"), health_from(get_string(from, "health").value_or("")),
                             small_of(from, "active"), get_string(from, "error").value_or("")});
  }
  return port;
}

}  // namespace

std::string_view to_string(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::up:
      return "up";
    case Health::down:
      return "down";
  }
  return "unknown";
}

json::array to_json(const std::vector<PortStatus>& ports) {
  json::array list;
  for (const auto& port : ports) {
    json::array backends;
    for (const auto& backend : port.backends) backends.emplace_back(to_json(backend));
    list.push_back(json::object{{"listen", to_string(port.listen)},
                                {"listening", port.listening},
                                {"error", port.error},
                                {"active", port.active},
                                {"limit", port.limit},
                                {"accepted", port.accepted},
                                {"failed", port.failed},
                                {"received", port.received},
                                {"sent", port.sent},
                                {"backends", std::move(backends)}});
  }
  return list;
}

std::vector<PortStatus> status_from_json(const json::value& value) {
  if (!value.is_array()) throw Error(Errc::protocol, "the status of the published ports is no list");
  std::vector<PortStatus> ports;
  for (const auto& item : value.get_array()) ports.push_back(port_from(object_of(item)));
  return ports;
}

}  // namespace hlid::node::forward
