#include "wire/vm_keys.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace hlid::wire {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 4> kBuses{
    {{"ide", 4}, {"scsi", 31}, {"virtio", 16}, {"sata", 6}}};

}  // namespace

std::optional<IndexedKey> split_key(std::string_view key) {
  const auto digits = key.find_first_of("0123456789");
  if (digits == std::string_view::npos || digits == 0) return std::nullopt;
  int index = 0;
  const auto [end, failure] = std::from_chars(key.data() + digits, key.data() + key.size(), index);
  if (failure != std::errc{} || end != key.data() + key.size()) return std::nullopt;
  if (key[digits] == '0' && key.size() - digits > 1) return std::nullopt;
  return IndexedKey{key.substr(0, digits), index};
}

bool is_drive_key(std::string_view key) {
  const auto parts = split_key(key);
  return parts && std::any_of(kBuses.begin(), kBuses.end(), [&](const auto& bus) {
           return bus.first == parts->kind && parts->index < bus.second;
         });
}

bool is_net_key(std::string_view key) {
  const auto parts = split_key(key);
  return parts && parts->kind == "net" && parts->index < 32;
}

const std::vector<std::string>& drive_keys() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> all;
    for (const auto& [bus, count] : kBuses)
      for (int i = 0; i < count; ++i) all.push_back(std::string(bus) + std::to_string(i));
    return all;
  }();
  return keys;
}

std::vector<std::string> parse_tags(std::string_view text) {
  return split_list(text, ",; ");
}
std::string print_tags(const std::vector<std::string>& tags) {
  return join(tags, ";");
}

}  // namespace hlid::wire
