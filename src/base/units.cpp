#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace hlid {
namespace {

constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};

std::optional<int> shift_of(std::string_view unit) {
  if (unit.empty() || unit == "B") return 0;
  for (std::size_t i = 1; i < kUnits.size(); ++i)
    if (unit == kUnits[i] || unit == kUnits[i].substr(0, 1)) return static_cast<int>(10 * i);
  return std::nullopt;
}

}  // namespace

std::optional<Bytes> parse_bytes(std::string_view text) {
  double number = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failure != std::errc{} || number < 0) return std::nullopt;
  auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  const auto shift = shift_of(unit);
  if (!shift) return std::nullopt;
  const double bytes = std::ldexp(number, *shift);
  if (!(bytes < 9.0e18) || bytes != std::floor(bytes)) return std::nullopt;
  return Bytes{static_cast<std::int64_t>(bytes)};
}

std::string to_string(Bytes bytes) {
  std::size_t unit = 0;
  auto count = bytes.count;
  while (count != 0 && count % 1024 == 0 && unit + 1 < kUnits.size()) {
    count /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", count, kUnits[unit]);
}

std::string to_human(Bytes bytes) {
  auto amount = static_cast<double>(bytes.count);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes.count) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

}  // namespace hlid
