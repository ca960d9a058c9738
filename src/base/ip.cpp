#include "base/ip.h"

#include <charconv>

#include <fmt/format.h>

namespace hlid {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = failure == std::errc{} && end == text.data() + text.size();
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  if (!whole || leading_zero || number > most) return std::nullopt;
  return number;
}

std::uint32_t mask_of(int prefix) {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
}

}  // namespace

Ipv4 Cidr::network() const {
  return {address.value & mask_of(prefix)};
}
Ipv4 Cidr::broadcast() const {
  return {address.value | ~mask_of(prefix)};
}
Ipv4 Cidr::netmask() const {
  return {mask_of(prefix)};
}
bool Cidr::contains(Ipv4 other) const {
  return (other.value & mask_of(prefix)) == network().value;
}

std::optional<Ipv4> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  for (int octet = 0; octet < 4; ++octet) {
    const auto dot = octet < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const auto number = parse_number(text.substr(0, dot), 255);
    if (!number) return std::nullopt;
    value = value << 8 | *number;
    text.remove_prefix(octet < 3 ? dot + 1 : dot);
  }
  return Ipv4{value};
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto prefix = parse_number(text.substr(slash + 1), 32);
  if (!address || !prefix) return std::nullopt;
  return Cidr{*address, static_cast<int>(*prefix)};
}

std::string to_string(Ipv4 address) {
  const auto v = address.value;
  return fmt::format("{}.{}.{}.{}", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
}

std::string to_string(const Cidr& cidr) {
  return fmt::format("{}/{}", to_string(cidr.address), cidr.prefix);
}

}  // namespace hlid
