#include "node/service/interface_api.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "wire/api_error.h"

namespace hlid::node::service {
namespace {

// The interfaces behind the recorded exchange 120-node-network, and its answer.
constexpr const char* kFile = R"(auto lo
iface lo inet loopback
iface eth0 inet manual
auto vmbr0
iface vmbr0 inet static
 address 10.254.0.1/24
 gateway 10.254.0.254
 bridge-ports none
 bridge-stp off
 bridge-fd 0
)";
constexpr const char* kBridge =
    R"({"bridge_stp":"off","families":["inet"],"method":"static","bridge_ports":"","active":1,"autostart":1,"type":"bridge",
        "address":"10.254.0.1","netmask":"24","cidr":"10.254.0.1/24","priority":4,"gateway":"10.254.0.254","bridge_fd":"0",
        "iface":"vmbr0","method6":"manual"})";

TEST(InterfaceApi, ShowsABridgeAsRecorded) {
  const auto list = to_api(network::parse_interfaces(kFile), {"vmbr0", "eth0"});
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1], parse_json(kBridge));
  EXPECT_EQ(list[0].get_object().at("type"), "eth");
  EXPECT_EQ(list[0].get_object().at("priority"), 3);
}

TEST(InterfaceApi, FiltersByType) {
  const auto config = network::parse_interfaces(kFile);
  EXPECT_EQ(to_api(config, {}, "bridge").size(), 1U);
  EXPECT_EQ(to_api(config, {}, "any_bridge").size(), 1U);
  EXPECT_EQ(to_api(config, {}, "eth").size(), 1U);
  EXPECT_EQ(to_api(config, {}, "bond").size(), 0U);
}

TEST(InterfaceApi, TakesAnAddressEitherWay) {
  Interface one{.name = "vmbr0"};
  update_from_api(one,
                  {{"type", "bridge"}, {"cidr", "10.1.0.1/16"}, {"autostart", "1"}, {"comments", "lab"}});
  EXPECT_EQ(to_string(*one.address), "10.1.0.1/16");
  EXPECT_EQ(one.method, "static");
  EXPECT_TRUE(one.autostart && one.is_bridge());
  EXPECT_EQ(one.comments, "lab\n");
  Interface two{.name = "vmbr0"};
  update_from_api(two, {{"type", "bridge"}, {"address", "10.1.0.1"}, {"netmask", "255.255.0.0"}});
  EXPECT_EQ(to_string(*two.address), "10.1.0.1/16");
}

TEST(InterfaceApi, KeepsWhatIsNotNamedButTheAddress) {
  auto config = network::parse_interfaces(kFile);
  auto& bridge = *config.find("vmbr0");
  update_from_api(bridge, {{"type", "bridge"}, {"mtu", "1400"}, {"delete", "gateway"}});
  EXPECT_TRUE(bridge.autostart);
  EXPECT_EQ(bridge.mtu, 1400);
  EXPECT_FALSE(bridge.gateway);
  EXPECT_FALSE(bridge.address);
  EXPECT_EQ(bridge.method, "manual");
}

TEST(InterfaceApi, RefusesWhatCannotBe) {
  const std::vector<std::map<std::string, std::string>> bad{
      {{"type", "bond"}},        {{"cidr", "10.1.0.1"}}, {{"address", "10.1.0.x"}, {"netmask", "24"}},
      {{"address", "10.1.0.1"}}, {{"gateway", "no"}},    {{"mtu", "9k"}}};
  for (const auto& parameters : bad) {
    Interface interface { .name = "vmbr0" };
    try {
      update_from_api(interface, parameters);
      ADD_FAILURE() << parameters.begin()->first;
    } catch (const wire::ApiError& error) {
      EXPECT_EQ(error.status(), 400);
    }
  }
}

}  // namespace
}  // namespace hlid::node::service
