#include "wire/upid.h"

#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::wire {
namespace {

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (failure != std::errc{} || end != text.data() + text.size() || text.size() < 8 || text.size() > 9)
    return std::nullopt;
  return number;
}

}  // namespace

std::optional<Upid> parse_upid(std::string_view text) {
  const auto fields = split(text, ':');
  if (fields.size() != 9 || fields[0] != "UPID" || !fields[8].empty()) return std::nullopt;
  const auto pid = parse_hex(fields[2]), start = parse_hex(fields[3]), time = parse_hex(fields[4]);
  if (!pid || !start || !time || fields[1].empty() || fields[5].empty() || fields[7].empty())
    return std::nullopt;
  if (contains(text, "/") || contains(text, " ")) return std::nullopt;
  return Upid{fields[1], static_cast<std::uint32_t>(*pid),
              *start,    static_cast<std::uint32_t>(*time),
              fields[5], fields[6],
              fields[7]};
}

std::string to_string(const Upid& upid) {
  return fmt::format("UPID:{}:{:08X}:{:08X}:{:08X}:{}:{}:{}:", upid.node, upid.pid, upid.process_start,
                     upid.start_time, upid.type, upid.id, upid.user);
}

}  // namespace hlid::wire
