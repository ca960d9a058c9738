// The counters of a network namespace, proc(5), /proc/PID/net/dev.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "node/network/network.h"

namespace hlid::node::network {

/// The taps among its lines. A tap's received bytes are those that its machine sent.
std::map<std::string, Traffic> parse_traffic(std::string_view text);

}  // namespace hlid::node::network
