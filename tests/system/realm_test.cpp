// The realm for real: namespaces, bridges, uplink, name service, and what is left of them after each kind of
// death. Run as root and, by HLID_TEST_AS_USER=UID, as an ordinary user (realm_main.cpp).
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "node/network/uplink.h"
#include "realm_lab.h"

namespace hlid::node::network {
namespace {

/// Listens on all of the host's addresses and answers one connection with "hello".
class HostListener {
 public:
  HostListener() {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    socklen_t size = sizeof any;
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&any), size);
    ::listen(fd_.get(), 4);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&any), &size);
    port_ = ntohs(any.sin_port);
    thread_ = std::jthread([this] {
      const sys::UniqueFd peer(::accept(fd_.get(), nullptr, nullptr));
      if (peer) [[maybe_unused]]
        const auto sent = ::write(peer.get(), "hello", 5);
    });
  }
  ~HostListener() { ::shutdown(fd_.get(), SHUT_RDWR); }
  std::string port() const { return std::to_string(port_); }

 private:
  sys::UniqueFd fd_;
  int port_ = 0;
  std::jthread thread_;
};

/// The host's address on its way out, found without sending anything; absent without a route.
std::optional<std::string> host_address() {
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(53);
  peer.sin_addr.s_addr = htonl(0x08080808);
  const sys::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&peer), sizeof peer) != 0) return std::nullopt;
  socklen_t size = sizeof peer;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size);
  return to_string(Ipv4{ntohl(peer.sin_addr.s_addr)});
}

TEST_F(RealmTest, HasTheBridgeAndItsGatewayAndLeavesTheHostAlone) {
  const auto bridge = link("vmbr0");
  ASSERT_TRUE(bridge);
  EXPECT_TRUE(bridge->up);
  EXPECT_EQ(bridge->mac, bridge_mac("vmbr0"));
  ASSERT_EQ(bridge->addresses.size(), 1U);
  EXPECT_EQ(to_string(bridge->addresses[0]), "10.10.10.1/24");
  EXPECT_TRUE(link("uplink"));
  EXPECT_EQ(host_links(), host_before_);
}

TEST_F(RealmTest, FollowsTheConfiguration) {
  auto config = default_network();
  config.find("vmbr0")->address = parse_cidr("10.20.30.1/24");
  config.interfaces.push_back(
      {.name = "vmbr1", .autostart = true, .families = {"inet"}, .bridge_ports = "", .mtu = 1400});
  realm_.apply(config);
  EXPECT_EQ(to_string(link("vmbr0")->addresses.at(0)), "10.20.30.1/24");
  EXPECT_EQ(link("vmbr1")->mtu, 1400);
  realm_.apply(default_network());
  EXPECT_FALSE(link("vmbr1"));
  EXPECT_EQ(to_string(link("vmbr0")->addresses.at(0)), "10.10.10.1/24");
}

TEST_F(RealmTest, TapsAreUsableWithoutCapabilitiesAndGoWithTheirMachine) {
  realm_.add_taps({{Vmid{1001}, 0, "vmbr0", 2},
                   {Vmid{1001}, 1, "vmbr0", 1, std::nullopt, 7},
                   {Vmid{1002}, 0, "vmbr0", 1}});
  ASSERT_TRUE(link("tap1001i0"));
  EXPECT_EQ(link("tap1001i0")->master, "vmbr0");
  EXPECT_EQ(link("tap1001i1")->master, "vmbr0v7");
  const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
  EXPECT_TRUE(realm_.traffic().contains("tap1001i0"));
  EXPECT_EQ(inside({self, "attach", "tap1001i0", "2"}), "attached\n");
  EXPECT_EQ(inside({self, "attach", "tap1002i0", "1"}), "attached\n");
  realm_.add_taps({{Vmid{1002}, 0, "vmbr0", 4}});  // left over, and with other queues now
  EXPECT_EQ(inside({self, "attach", "tap1002i0", "4"}), "attached\n");
  realm_.remove_taps(Vmid{1001});
  EXPECT_FALSE(link("tap1001i0"));
  EXPECT_FALSE(link("tap1001i1"));
  realm_.apply(default_network());
  EXPECT_FALSE(link("vmbr0v7"));
  realm_.sweep({});
  EXPECT_FALSE(link("tap1002i0"));
  EXPECT_THROW(realm_.add_taps({{Vmid{1003}, 0, "vmbr9"}}), Error);
}

TEST_F(RealmTest, WhatRunsInsideHasNoCapabilities) {
  EXPECT_NE(inside({"cat", "/proc/self/status"}).find("CapEff:\t0000000000000000"), std::string::npos);
  EXPECT_THROW(inside({sys::find_program("ip").value(), "link", "delete", "vmbr0"}), Error);
}

TEST_F(RealmTest, MachinesFindEachOtherByNameAndReachTheWorldThroughNat) {
  const auto m1 = start_machine("m1", "10.10.10.101");
  const auto m2 = start_machine("m2", "10.10.10.102");
  realm_.set_hosts(
      {{"m1", "lab.example", "", parse_ipv4("10.10.10.101")}, {"m2", "", "", parse_ipv4("10.10.10.102")}});
  EXPECT_TRUE(eventually([&] { return probe(m1, {"resolve", "10.10.10.1", "m2"}) == "10.10.10.102"; }));
  EXPECT_EQ(probe(m2, {"resolve", "10.10.10.1", "m1.lab.example"}), "10.10.10.101");
  EXPECT_EQ(probe(m2, {"resolve", "10.10.10.1", "m1"}), "10.10.10.101");
  realm_.set_hosts({{"m3", "", "", parse_ipv4("10.10.10.101")}});
  EXPECT_TRUE(eventually([&] { return probe(m2, {"resolve", "10.10.10.1", "m3"}) == "10.10.10.101"; }));
  EXPECT_EQ(probe(m2, {"resolve", "10.10.10.1", "m1"}), "no such name");

  const auto host = host_address();
  if (!host) return;  // nothing outside to reach
  const HostListener listener;
  EXPECT_EQ(probe(m1, {"fetch", *host, listener.port()}), "hello");
  EXPECT_NE(probe(m1, {"fetch", to_string(Ipv4{uplink_network().network().value + 2}), listener.port()}),
            "hello")
      << "the host's loopback must not be reachable";
}

TEST_F(RealmTest, MachinesThatAskGetTheirOwnAddress) {
  const auto m1 = start_machine("m1", "10.10.10.101");
  realm_.set_hosts({{"m1", "", "bc:24:11:00:00:01", parse_ipv4("10.10.10.77")}});
  EXPECT_TRUE(eventually([&] { return probe(m1, {"discover", "bc:24:11:00:00:01"}) == "10.10.10.77"; }));
  const auto other = parse_ipv4(probe(m1, {"discover", "bc:24:11:00:00:02"}));
  ASSERT_TRUE(other);
  EXPECT_GE(*other, *parse_ipv4("10.10.10.192"));
}

TEST_F(RealmTest, OutlivesItsHolder) {
  realm_.add_taps({{Vmid{1001}, 0, "vmbr0"}});
  const auto m1 = start_machine("m1", "10.10.10.101");
  const auto before = *realm_.state();
  sys::send_signal(before.holder, SIGKILL);
  ASSERT_TRUE(sys::wait_gone(before.holder, 5s));
  EXPECT_TRUE(realm_.ensure());
  const auto after = *realm_.state();
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.namespace_id, before.namespace_id);
  EXPECT_FALSE(sys::is_alive(before.anchor));
  EXPECT_TRUE(link("tap1001i0"));
  realm_.set_hosts({{"m1", "", "", parse_ipv4("10.10.10.101")}});
  EXPECT_TRUE(eventually([&] { return probe(m1, {"resolve", "10.10.10.1", "m1"}) == "10.10.10.101"; }));
  if (const auto host = host_address()) {
    const HostListener listener;
    EXPECT_EQ(probe(m1, {"fetch", *host, listener.port()}), "hello");
  }
}

TEST_F(RealmTest, IsFoundAgainThroughAMachineWhenAllOfItsOwnWasKilled) {
  realm_.add_taps({{Vmid{1001}, 0, "vmbr0"}});
  start_inhabitant();
  const auto before = *realm_.state();
  for (const auto& process : {before.holder, before.anchor}) {
    sys::send_signal(process, SIGKILL);
    sys::wait_gone(process, 5s);
  }
  EXPECT_TRUE(realm_.ensure());
  EXPECT_EQ(realm_.state()->namespace_id, before.namespace_id);
  EXPECT_TRUE(link("tap1001i0"));
}

TEST_F(RealmTest, IsMadeAnewWhenNothingOfItLives) {
  const auto before = *realm_.state();
  for (const auto& process : {before.holder, before.anchor}) {
    sys::send_signal(process, SIGKILL);
    sys::wait_gone(process, 5s);
  }
  ASSERT_TRUE(eventually([&] { return !sys::is_alive(*before.dns) && !sys::is_alive(*before.uplink); }));
  EXPECT_FALSE(realm_.ensure());
  EXPECT_NE(realm_.state()->id, before.id);
  EXPECT_TRUE(link("vmbr0"));
}

TEST_F(RealmTest, RestartsWhatEnds) {
  const auto before = *realm_.state();
  sys::send_signal(*before.uplink, SIGKILL);
  EXPECT_TRUE(eventually(
      [&] { return link("uplink") && realm_.state()->uplink && realm_.state()->uplink != before.uplink; }));
  sys::send_signal(before.anchor, SIGKILL);
  EXPECT_TRUE(eventually(
      [&] { return realm_.state()->anchor != before.anchor && sys::is_alive(realm_.state()->anchor); }));
  EXPECT_EQ(realm_.state()->namespace_id, before.namespace_id);
  EXPECT_TRUE(link("vmbr0"));
}

TEST_F(RealmTest, CannotBeDestroyedWhileInUseAndThenLeavesNothing) {
  const auto inhabitant = start_inhabitant();
  EXPECT_THROW(realm_.destroy(), Error);
  EXPECT_TRUE(link("vmbr0"));
  sys::send_signal(inhabitant, SIGKILL);
  sys::wait_gone(inhabitant, 5s);
  const auto state = *realm_.state();
  realm_.destroy();
  for (const auto& process : {state.holder, state.anchor, *state.uplink, *state.dns})
    EXPECT_FALSE(sys::is_alive(process));
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0) {
      EXPECT_NE(sys::network_namespace_of(pid), state.namespace_id) << "process " << pid;
    }
  }
  EXPECT_EQ(host_links(), host_before_);
}

TEST_F(RealmTest, HasOneHolderOnly) {
  const auto result = runner_.run(
      {.argv = {HLID_NODE, "realm-hold", (home_.path() / "run" / "realm").string()}, .timeout = 20s});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.error_output.find("has a holder already"), std::string::npos) << result.error_output;
}

TEST_F(RealmTest, DialCarriesBothDirections) {
  std::filesystem::create_directories(home_.path() / "nodes");
  std::filesystem::create_directory_symlink(home_.path(), home_.path() / "nodes" / "n1");
  auto command = realm_.command_prefix();
  command.insert(command.end(),
                 {std::filesystem::read_symlink("/proc/self/exe"), "echo", "10.10.10.1", "2222"});
  machines_.push_back(sys::spawn_detached(command));
  const std::string big(3'000'000, 'x');
  EXPECT_TRUE(eventually([&] {
    return runner_
               .run(
                   {.argv = {HLID_NODE, "dial", "--home", home_.path(), "--node", "n1", "10.10.10.1", "2222"},
                    .input = big,
                    .timeout = 20s})
               .output == big;
  }));
}

}  // namespace
}  // namespace hlid::node::network
