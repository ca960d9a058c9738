#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hlid {

/// An amount of memory or disk in bytes; never negative.
struct Bytes {
  std::int64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
  constexpr std::int64_t mib() const { return count >> 20; }
  constexpr std::int64_t gib() const { return count >> 30; }
};

constexpr Bytes kib(std::int64_t n) {
  return {n << 10};
}
constexpr Bytes mib(std::int64_t n) {
  return {n << 20};
}
constexpr Bytes gib(std::int64_t n) {
  return {n << 30};
}

/// "4GiB", "512MiB", "1TiB", "50G" (K M G T are powers of two, as in Proxmox), "4.5GiB", or plain bytes.
/// nullopt for anything else, negative numbers and what does not fit.
std::optional<Bytes> parse_bytes(std::string_view text);
/// The largest unit that divides it exactly: "4GiB", "1536MiB".
std::string to_string(Bytes bytes);
/// For people: one decimal in the unit that fits, "3.8 GiB".
std::string to_human(Bytes bytes);

}  // namespace hlid
