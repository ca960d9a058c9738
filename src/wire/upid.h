#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hlid::wire {

/// A task's name: "UPID:node:pid:pstart:starttime:type:id:user:" (pve-common, Tools.pm upid_encode).
struct Upid {
  std::string node;
  std::uint32_t pid = 0;
  std::uint64_t process_start = 0;  ///< clock ticks
  std::uint32_t start_time = 0;     ///< Unix seconds
  std::string type;                 ///< qmstart, qmclone, …
  std::string id;                   ///< VMID or empty
  std::string user;                 ///< user@realm or user@realm!token
  bool operator==(const Upid&) const = default;
};

std::optional<Upid> parse_upid(std::string_view text);
std::string to_string(const Upid& upid);

}  // namespace hlid::wire
