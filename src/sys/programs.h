#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hlid::sys {

/// Where a program is: $PATH, then /usr/local/sbin, /usr/sbin and /sbin, which an ordinary user's PATH lacks
/// although the programs there (ip, nft, dnsmasq) serve him too. nullopt when it is not installed.
std::optional<std::string> find_program(std::string_view name);

}  // namespace hlid::sys
