#include "node/network/dns.h"

#include <gtest/gtest.h>

namespace hlid::node::network {
namespace {

TEST(Dns, NamesMachinesShortAndWithTheirDomain) {
  EXPECT_EQ(hosts_file({{"Master-1", "Lab.Example", "", parse_ipv4("10.10.10.101")},
                        {"worker-1", "", "", parse_ipv4("10.10.10.111")},
                        {"dynamic", "", "BC:24:11:00:00:01", std::nullopt}}),
            "10.10.10.101 master-1.lab.example master-1\n10.10.10.111 worker-1\n");
}

TEST(Dns, LeavesOutWhatIsNoHostName) {
  for (const char* name : {"", "a b", "a\n6.6.6.6 victim", "#x", "-x", "a,b"})
    EXPECT_EQ(hosts_file({{name, "", "", parse_ipv4("10.0.0.1")}}), "") << name;
  EXPECT_EQ(hosts_file({{"m1", "bad domain", "", parse_ipv4("10.0.0.1")}}), "10.0.0.1 m1\n");
}

TEST(Dns, KnowsMachinesThatAskForAnAddress) {
  EXPECT_EQ(dhcp_hosts_file({{"m1", "", "BC:24:11:00:00:01", parse_ipv4("10.10.10.101")},
                             {"m2", "", "bc:24:11:00:00:02", std::nullopt},
                             {"m3", "", "not-a-mac-at-all!", std::nullopt}}),
            "bc:24:11:00:00:01,10.10.10.101,m1\nbc:24:11:00:00:02,m2\n");
}

TEST(Dns, ServesTheBridgesWithAnAddress) {
  auto config = default_network();
  config.interfaces.push_back({.name = "vmbr1", .autostart = true, .bridge_ports = ""});
  config.interfaces.push_back(
      {.name = "vmbr2", .autostart = true, .address = parse_cidr("10.0.0.1/30"), .bridge_ports = ""});
  const auto text = dnsmasq_config(config, "/x");
  EXPECT_NE(text.find("server=100.127.255.3\n"), std::string::npos);
  EXPECT_NE(text.find("addn-hosts=/x/hosts\ndhcp-hostsfile=/x/dhcp-hosts\n"), std::string::npos);
  EXPECT_NE(text.find("interface=vmbr0\ndhcp-range=set:vmbr0,10.10.10.192,10.10.10.254,255.255.255.0,12h\n"),
            std::string::npos);
  EXPECT_EQ(text.find("vmbr1"), std::string::npos);
  EXPECT_NE(text.find("interface=vmbr2\n"), std::string::npos);
  EXPECT_EQ(text.find("dhcp-range=set:vmbr2"), std::string::npos)
      << "too small a network to give addresses from";
}

}  // namespace
}  // namespace hlid::node::network
