// The realm for real: namespaces, bridges, uplink, name service, and what is left of them after each kind of
// death. Run as root and, by HLID_TEST_AS_USER=UID, as an ordinary user (realm_main.cpp).
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "node/network/realm.h"
#include "node/network/realm_check.h"
#include "node/network/uplink.h"
#include "sys/files.h"
#include "sys/namespaces.h"
#include "sys/process.h"
#include "sys/programs.h"

namespace hlid::node::network {
namespace {

using namespace std::chrono_literals;

/// Waits for what another process does; the deadline only bounds a failure.
bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(20ms);
  }
  return condition();
}

class RealmTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& lack : check_realm()) GTEST_SKIP() << lack.what << "; " << lack.fix;
    host_before_ = host_links();
    realm_.apply(default_network());
    ASSERT_TRUE(eventually([&] { return realm_.state()->dns && realm_.state()->uplink; }))
        << realm_.state()->problem;
  }

  void TearDown() override {
    if (IsSkipped()) return;
    if (HasFailure())
      std::cerr << sys::read_file_if_exists(home_.path() / "run" / "realm" / "log").value_or("");
    for (const auto& machine : machines_) {
      sys::send_signal(machine, SIGKILL);
      sys::wait_gone(machine, 5s);
    }
    realm_.destroy();
    EXPECT_FALSE(std::filesystem::exists(home_.path() / "run" / "realm"));
  }

  std::string host_links() {
    return sys::run_checked(runner_,
                            {.argv = {sys::find_program("ip").value(), "-brief", "address", "show"}});
  }

  std::string inside(std::vector<std::string> argv) {
    auto command = realm_.command_prefix();
    command.insert(command.end(), argv.begin(), argv.end());
    return sys::run_checked(runner_, {.argv = command, .timeout = 20s});
  }

  std::vector<std::string> as_root_inside(std::vector<std::string> argv) {
    const auto anchor = realm_.state()->anchor;
    std::vector<std::string> command{HLID_NODE, "enter", fmt::format("{}:{}", anchor.pid, anchor.start_time),
                                     "--keep-capabilities", "--"};
    command.insert(command.end(), argv.begin(), argv.end());
    return command;
  }

  /// A process in the realm, as a machine's QEMU is one.
  sys::ProcessId start_inhabitant() {
    auto command = realm_.command_prefix();
    command.insert(command.end(), {"sleep", "1000"});
    machines_.push_back(sys::spawn_detached(command));
    const auto inhabitant = machines_.back();
    EXPECT_TRUE(eventually(
        [&] { return sys::network_namespace_of(inhabitant.pid) == realm_.state()->namespace_id; }));
    return inhabitant;
  }

  /// A network namespace of its own on the bridge, with an address and a default route: to the realm it is a
  /// machine.
  sys::ProcessId start_machine(const std::string& name, const std::string& address) {
    const auto script = fmt::format(
        "exec 2>{0}/log; set -e; unshare --net sh -c 'ip link set lo up; touch {0}/up; exec sleep 1000' & "
        "pid=$!\n"
        "while [ ! -e {0}/up ]; do sleep 0.02; done\n"
        "ip link add {1} type veth peer name eth0 netns $pid; ip link set {1} master vmbr0 up\n"
        "nsenter -t $pid -n ip address add {2}/24 dev eth0; nsenter -t $pid -n ip link set eth0 up\n"
        "nsenter -t $pid -n ip route add default via 10.10.10.1; echo $pid > {0}/pid.new; mv {0}/pid.new "
        "{0}/pid; wait",
        folder_of(name), name, address);
    std::filesystem::create_directories(folder_of(name));
    const auto path = std::string(std::getenv("PATH")) + ":/usr/sbin:/sbin";
    machines_.push_back(sys::spawn_detached(as_root_inside({"sh", "-c", script}), {}, {{"PATH", path}}));
    const std::filesystem::path pid_file = folder_of(name) + "/pid";
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(pid_file); }))
        << sys::read_file(folder_of(name) + "/log");
    const pid_t pid = std::stoi(sys::read_file(pid_file));
    machines_.insert(machines_.begin(), {pid, sys::start_time_of(pid).value_or(0)});
    return machines_.front();
  }

  std::string folder_of(const std::string& machine) { return (home_.path() / machine).string(); }

  /// Runs this test program's own probe (realm_main.cpp) in a machine; its output.
  std::string probe(const sys::ProcessId& machine, std::vector<std::string> words) {
    std::vector<std::string> argv{"nsenter", "-t", std::to_string(machine.pid), "-n",
                                  std::filesystem::read_symlink("/proc/self/exe")};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto result = runner_.run({.argv = as_root_inside(argv), .timeout = 20s});
    return result.ok() ? std::string(trim(result.output)) : result.describe();
  }

  std::optional<Link> link(const std::string& name) {
    for (const auto& found : realm_.links())
      if (found.name == name) return found;
    return std::nullopt;
  }

  sys::TempFolder home_;
  sys::PosixProcessRunner runner_;
  Realm realm_{home_.path(), HLID_NODE, runner_};
  std::vector<sys::ProcessId> machines_;
  std::string host_before_;
};

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
