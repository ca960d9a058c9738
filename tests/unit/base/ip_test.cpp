#include "base/ip.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace hlid {
namespace {

TEST(Ip, KnowsTheNetworkOfAnAddress) {
  const auto cidr = parse_cidr("10.10.10.101/24");
  ASSERT_TRUE(cidr.has_value());
  EXPECT_EQ(to_string(cidr->network()), "10.10.10.0");
  EXPECT_EQ(to_string(cidr->broadcast()), "10.10.10.255");
  EXPECT_EQ(to_string(cidr->netmask()), "255.255.255.0");
  EXPECT_TRUE(cidr->contains(*parse_ipv4("10.10.10.1")));
  EXPECT_FALSE(cidr->contains(*parse_ipv4("10.10.11.1")));
}

TEST(Ip, TheEmptyPrefixHoldsEverything) {
  const auto cidr = parse_cidr("0.0.0.0/0");
  ASSERT_TRUE(cidr.has_value());
  EXPECT_TRUE(cidr->contains(*parse_ipv4("255.255.255.255")));
}

TEST(Ip, RefusesWhatIsNotAnAddress) {
  for (const char* text :
       {"", "10.10.10", "10.10.10.256", "10.10.10.01", "10.10.10.1.1", "a.b.c.d", "10..1.1", " 1.2.3.4"})
    EXPECT_EQ(parse_ipv4(text), std::nullopt) << text;
  for (const char* text : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "/24"})
    EXPECT_EQ(parse_cidr(text), std::nullopt) << text;
}

RC_GTEST_PROP(IpProperty, ParseUndoesPrint, (std::uint32_t value)) {
  RC_ASSERT(parse_ipv4(to_string(Ipv4{value})) == Ipv4{value});
}

}  // namespace
}  // namespace hlid
