#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hlid {

/// An IPv4 address in host byte order.
struct Ipv4 {
  std::uint32_t value = 0;
  auto operator<=>(const Ipv4&) const = default;
  Ipv4 operator+(std::uint32_t n) const { return {value + n}; }
};

/// An IPv4 network or an address within one: "10.10.10.101/24".
struct Cidr {
  Ipv4 address;
  int prefix = 0;
  bool operator==(const Cidr&) const = default;
  Ipv4 network() const;
  Ipv4 broadcast() const;
  Ipv4 netmask() const;
  bool contains(Ipv4 other) const;
};

std::optional<Ipv4> parse_ipv4(std::string_view text);  ///< four decimal octets, no leading zeros
std::optional<Cidr> parse_cidr(std::string_view text);
std::string to_string(Ipv4 address);
std::string to_string(const Cidr& cidr);

}  // namespace hlid
