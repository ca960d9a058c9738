#include "wire/volume_id.h"

#include <algorithm>
#include <cctype>

namespace hlid::wire {

std::optional<VolumeId> parse_volume_id(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return std::nullopt;
  const auto storage = text.substr(0, colon);
  const bool valid = std::isalpha(static_cast<unsigned char>(storage.front())) != 0 &&
                     std::all_of(storage.begin(), storage.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
                     });
  if (!valid) return std::nullopt;
  return VolumeId{std::string(storage), std::string(text.substr(colon + 1))};
}

std::string to_string(const VolumeId& id) {
  return id.storage + ":" + id.name;
}

}  // namespace hlid::wire
