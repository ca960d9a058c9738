#include "node/network/link_plan.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hlid::node::network {
namespace {

// Output of iproute2 6.1, shortened to what matters.
constexpr const char* kLinks = R"([
 {"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"address":"00:00:00:00:00:00","ifalias":"hlid:42",
  "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8},{"family":"inet6","local":"::1","prefixlen":128}]},
 {"ifname":"vmbr0","flags":["BROADCAST","UP"],"mtu":1500,"address":"02:68:6c:00:00:01","linkinfo":{"info_kind":"bridge"},
  "addr_info":[{"family":"inet","local":"10.10.10.1","prefixlen":24}]},
 {"ifname":"tap1001i0","flags":["UP"],"mtu":1500,"master":"vmbr0","linkinfo":{"info_kind":"tun"},"addr_info":[]},
 {}])";

std::vector<Link> present() {
  return parse_links(kLinks);
}

TEST(LinkPlan, ReadsWhatIpPrints) {
  const auto links = present();
  ASSERT_EQ(links.size(), 3U);
  EXPECT_EQ(links[0].alias, "hlid:42");
  EXPECT_EQ(links[1].kind, "bridge");
  EXPECT_TRUE(links[1].up);
  EXPECT_EQ(to_string(links[1].addresses.at(0)), "10.10.10.1/24");
  EXPECT_EQ(links[2].master, "vmbr0");
  EXPECT_THROW(parse_links("{}"), Error);
  EXPECT_THROW(parse_links("Device does not exist"), Error);
}

TEST(LinkPlan, MakesABridgeFromNothing) {
  EXPECT_EQ(bridge_batch(default_network(), {}),
            "link add name vmbr0 address " + bridge_mac("vmbr0") +
                " type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n"
                "address add 10.10.10.1/24 broadcast 10.10.10.255 dev vmbr0\n"
                "link set dev vmbr0 up\n");
}

TEST(LinkPlan, HasNothingToDoWhenAllIsThere) {
  EXPECT_EQ(bridge_batch(default_network(), present()), "");
}

TEST(LinkPlan, ChangesOnlyWhatDiffers) {
  auto config = default_network();
  config.find("vmbr0")->address = parse_cidr("10.20.0.1/16");
  config.find("vmbr0")->mtu = 9000;
  EXPECT_EQ(bridge_batch(config, present()),
            "link set dev vmbr0 mtu 9000\n"
            "address delete 10.10.10.1/24 dev vmbr0\n"
            "address add 10.20.0.1/16 broadcast 10.20.255.255 dev vmbr0\n");
}

TEST(LinkPlan, RemovesABridgeUnlessAMachineUsesIt) {
  auto links = present();
  EXPECT_THROW(bridge_batch({}, links), Error);
  links.pop_back();
  EXPECT_EQ(bridge_batch({}, links), "link delete dev vmbr0\n");
}

TEST(LinkPlan, KeepsTheBridgeOfATagWhileItIsUsed) {
  auto links = present();
  links.push_back({.name = "vmbr0v7", .kind = "bridge"});
  links.push_back({.name = "tap1002i0", .kind = "tun", .master = "vmbr0v7"});
  EXPECT_EQ(bridge_batch(default_network(), links), "");
  links.pop_back();
  EXPECT_EQ(bridge_batch(default_network(), links), "link delete dev vmbr0v7\n");
}

TEST(LinkPlan, ATapIsMadeAnewAndAttached) {
  EXPECT_EQ(tap_batch({{.vmid = {1001}, .card = 0, .bridge = "vmbr0", .queues = 2}}, present()),
            "link delete dev tap1001i0\n"
            "tuntap add dev tap1001i0 mode tap user 0 multi_queue\n"
            "link set dev tap1001i0 mtu 1500 master vmbr0 up\n");
}

TEST(LinkPlan, TaggedTapsShareTheBridgeOfTheirTag) {
  const std::vector<Tap> taps{{.vmid = {7}, .card = 0, .bridge = "vmbr0", .mtu = 1400, .tag = 7},
                              {.vmid = {7}, .card = 1, .bridge = "vmbr0", .tag = 7}};
  EXPECT_EQ(tap_batch(taps, present()), "link add name vmbr0v7 address " + bridge_mac("vmbr0v7") +
                                            " type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n"
                                            "link set dev vmbr0v7 mtu 1500 up\n"
                                            "tuntap add dev tap7i0 mode tap user 0\n"
                                            "link set dev tap7i0 mtu 1400 master vmbr0v7 up\n"
                                            "tuntap add dev tap7i1 mode tap user 0\n"
                                            "link set dev tap7i1 mtu 1500 master vmbr0v7 up\n");
}

TEST(LinkPlan, ATapNeedsItsBridge) {
  const std::vector<Tap> no_bridge{{.vmid = {1}, .bridge = "vmbr9"}};
  const std::vector<Tap> not_a_bridge{{.vmid = {1}, .bridge = "lo"}};
  EXPECT_THROW(tap_batch(no_bridge, present()), Error);
  EXPECT_THROW(tap_batch(not_a_bridge, present()), Error);
}

TEST(LinkPlan, RemovesTheTapsOfOneMachineOrOfAllThatAreGone) {
  EXPECT_EQ(remove_taps_of(Vmid{1001}, present()), "link delete dev tap1001i0\n");
  EXPECT_EQ(remove_taps_of(Vmid{100}, present()), "");
  EXPECT_EQ(remove_taps_except({}, present()), "link delete dev tap1001i0\n");
  EXPECT_EQ(remove_taps_except({Vmid{1001}}, present()), "");
}

TEST(LinkPlan, KnowsItsTapsByName) {
  EXPECT_EQ(vmid_of_tap("tap1001i0"), Vmid{1001});
  EXPECT_EQ(vmid_of_tap(tap_name(Vmid{999999999}, 31)), Vmid{999999999});
  EXPECT_LE(tap_name(Vmid{999999999}, 31).size(), 15U);
  for (const char* other : {"tap", "tapi0", "tap7", "uplink", "vmbr0", "tap1x0"})
    EXPECT_EQ(vmid_of_tap(other), std::nullopt) << other;
}

TEST(LinkPlan, BridgeAddressesAreStableAndLocal) {
  EXPECT_EQ(bridge_mac("vmbr0"), bridge_mac("vmbr0"));
  EXPECT_NE(bridge_mac("vmbr0"), bridge_mac("vmbr1"));
  EXPECT_EQ(bridge_mac("vmbr0").substr(0, 9), "02:68:6c:");
}

}  // namespace
}  // namespace hlid::node::network
