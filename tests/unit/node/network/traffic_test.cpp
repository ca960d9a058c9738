#include "node/network/traffic.h"

#include <gtest/gtest.h>

namespace hlid::node::network {
namespace {

TEST(Traffic, IsAsTheMachineSeesIt) {
  const auto traffic = parse_traffic(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo "
      "colls carrier compressed\n"
      "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     "
      "0       0          0\n"
      "tap1001i0: 5000       9    0    0    0     0          0         0    70000      80    0    0    0     "
      "0       0          0\n"
      "uplink:    1 2\n");
  ASSERT_EQ(traffic.size(), 1U);
  EXPECT_EQ(traffic.at("tap1001i0").sent, 5000U);
  EXPECT_EQ(traffic.at("tap1001i0").received, 70000U);
  EXPECT_TRUE(parse_traffic("").empty());
}

}  // namespace
}  // namespace hlid::node::network
