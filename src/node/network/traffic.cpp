#include "node/network/traffic.h"

#include <charconv>

#include "base/text.h"
#include "node/network/link_plan.h"

namespace hlid::node::network {
namespace {

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::map<std::string, Traffic> parse_traffic(std::string_view text) {
  std::map<std::string, Traffic> found;
  for (const auto& line : split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name(trim(std::string_view(line).substr(0, colon)));
    const auto fields = split_list(std::string_view(line).substr(colon + 1), " ");
    if (!vmid_of_tap(name) || fields.size() < 9) continue;
    found[name] = {.received = number(fields[8]), .sent = number(fields[0])};
  }
  return found;
}

}  // namespace hlid::node::network
