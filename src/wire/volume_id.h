#pragma once
#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace hlid::wire {

/// "storage:name", for example local-zfs:base-90001-disk-0/vm-1001-disk-0 or local:iso/seed.iso.
struct VolumeId {
  std::string storage;
  std::string name;
  auto operator<=>(const VolumeId&) const = default;
};

std::optional<VolumeId> parse_volume_id(std::string_view text);
std::string to_string(const VolumeId& id);

}  // namespace hlid::wire
