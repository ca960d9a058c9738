#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace hlid::wire {

/// Proxmox disk sizes: "32G", "4M", "350K", bare bytes; decimals allowed ("0.5G").
std::optional<Bytes> parse_size(std::string_view text);
/// The largest exact unit: "32G", "1536M"; bare bytes where no unit is exact.
std::string print_size(Bytes size);

}  // namespace hlid::wire
