// How a published port does, as the forwarder tells it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/forward/rule.h"

namespace hlid::node::forward {

enum class Health { unknown, up, down };

struct BackendStatus {
  Endpoint at;
  Health health = Health::unknown;  ///< by the last attempt to connect
  int active = 0;                   ///< connections
  std::string error;                ///< of the last attempt, or ""
};

struct PortStatus {
  Endpoint listen;
  bool listening = false;
  std::string error;           ///< why it does not listen
  int active = 0, limit = 0;   ///< connections now, and at most: others wait to be accepted
  std::uint64_t accepted = 0;  ///< connections since the port is published
  std::uint64_t failed = 0;    ///< of those: no back-end answered
  std::uint64_t received = 0;  ///< bytes from clients
  std::uint64_t sent = 0;      ///< bytes to clients
  std::vector<BackendStatus> backends;
};

std::string_view to_string(Health health);

json::array to_json(const std::vector<PortStatus>& ports);
/// Throws Error(protocol).
std::vector<PortStatus> status_from_json(const json::value& value);

}  // namespace hlid::node::forward
