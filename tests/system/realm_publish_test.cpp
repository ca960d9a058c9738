// Published ports for real: a client in the host's network, servers in the realm's, and the processes between
// them killed one by one.
#include <unistd.h>

#include "base/error.h"
#include "node/forward/listener.h"
#include "realm_lab.h"
#include "support/tcp_client.h"

namespace hlid::node::network {
namespace {

using forward::Endpoint;
using test::TcpClient;

class RealmPublishTest : public RealmTest {
 protected:
  static Endpoint at(std::uint32_t number) { return {Ipv4{0x0a0a0a00 + number}, 80}; }

  bool answers(const Endpoint& port, const std::string& greeting) {
    return eventually([&] { return TcpClient(port.port).hear(greeting.size()) == greeting; });
  }
  void publish(const std::vector<Endpoint>& to) { realm_.publish({{port_, to, "lab"}}, true); }
  sys::ProcessId forwarder() {
    EXPECT_TRUE(eventually([&] { return realm_.state()->forwarder.has_value(); }));
    return realm_.state()->forwarder.value_or(sys::ProcessId{});
  }

  Endpoint port_{Ipv4{0x7f000001}, test::free_port()};
};

TEST_F(RealmPublishTest, ClientsOfTheHostReachServersInTheRealm) {
  serve(start_machine("m1", "10.10.10.101"), 80, "one ");
  const auto m2 = start_machine("m2", "10.10.10.102");
  publish({at(101), at(102)});
  EXPECT_TRUE(answers(port_, "one "));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(TcpClient(port_.port).hear(4), "one ") << "the other refuses";
  serve(m2, 80, "two ");
  EXPECT_TRUE(answers(port_, "two ")) << "and now does not any more";

  const std::string big(5'000'000, 'x');
  TcpClient client(port_.port);
  std::jthread saying([&] {
    client.say(big);
    client.end();
  });
  client.hear(4);
  EXPECT_EQ(client.hear(big.size()), big);
  EXPECT_EQ(client.hear(1), "");
}

TEST_F(RealmPublishTest, TwoHundredAtOnce) {
  serve(start_machine("m1", "10.10.10.101"), 80, "one ");
  publish({at(101)});
  EXPECT_TRUE(answers(port_, "one "));
  std::vector<std::unique_ptr<TcpClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<TcpClient>(port_.port));
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->say(std::to_string(i)), clients[i]->end();
  for (std::size_t i = 0; i < clients.size(); ++i)
    EXPECT_EQ(clients[i]->hear(100), "one " + std::to_string(i)) << i;
  const auto status = realm_.published().at(0);
  EXPECT_GE(status.accepted, 200U);
  EXPECT_EQ(status.failed, 0U);
}

TEST_F(RealmPublishTest, OutlivesTheDaemonTheHolderAndItself) {
  serve(start_machine("m1", "10.10.10.101"), 80, "one ");
  publish({at(101)});
  TcpClient client(port_.port);
  EXPECT_EQ(client.hear(4), "one ");
  Realm next(home_.path(), HLID_NODE, runner_);  // as the next daemon's
  EXPECT_TRUE(next.ensure());
  next.publish({{port_, {at(101)}, "lab"}}, false);
  client.say("still here");
  EXPECT_EQ(client.hear(10), "still here");

  const auto first = forwarder();
  sys::send_signal(first, SIGKILL);
  EXPECT_TRUE(eventually([&] { return realm_.state()->forwarder && realm_.state()->forwarder != first; }));
  EXPECT_TRUE(answers(port_, "one "));

  const auto holder = realm_.state()->holder;
  sys::send_signal(holder, SIGKILL);
  ASSERT_TRUE(sys::wait_gone(holder, 5s));
  EXPECT_TRUE(realm_.ensure());
  EXPECT_TRUE(answers(port_, "one "));
  EXPECT_TRUE(sys::is_alive(forwarder()));
}

TEST_F(RealmPublishTest, WhatIsNotPublishedAnyMoreIsClosed) {
  serve(start_machine("m1", "10.10.10.101"), 80, "one ");
  publish({at(101)});
  TcpClient client(port_.port);
  EXPECT_EQ(client.hear(4), "one ");
  realm_.publish({}, true);
  EXPECT_EQ(client.hear(1), "");
  EXPECT_FALSE(TcpClient(port_.port).connected());
  EXPECT_TRUE(realm_.published().empty());
}

TEST_F(RealmPublishTest, APortThatIsTakenIsSaid) {
  const test::TakenPort taken;
  try {
    realm_.publish({{{Ipv4{0x7f000001}, taken.number()}, {at(101)}, "lab"}}, true);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::conflict);
    EXPECT_NE(std::string(error.what()).find("in use by another program"), std::string::npos);
    EXPECT_NE(error.hint(), "");
  }
  EXPECT_TRUE(realm_.published().empty());
}

/// ip(7), ip_unprivileged_port_start: containers often have it at 0.
bool may_have_any_port() {
  return ::geteuid() == 0 ||
         std::stoi(sys::read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start")) <= 512;
}

TEST_F(RealmPublishTest, PortsOfRootAreForRoot) {
  Endpoint port{Ipv4{0x7f000001}, 1023};  // or the next that is free
  for (bool taken = may_have_any_port(); taken && port.port > 600;) {
    try {
      forward::listen_on(port);
      taken = false;
    } catch (const Error&) {
      --port.port;
    }
  }
  if (may_have_any_port()) {
    realm_.publish({{port, {at(101)}, "lab"}}, true);
    EXPECT_TRUE(realm_.published().at(0).listening);
    return;
  }
  try {
    realm_.publish({{port, {at(101)}, "lab"}}, true);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::denied);
    EXPECT_NE(error.hint().find("ip_unprivileged_port_start=1023"), std::string::npos) << error.hint();
  }
}

TEST_F(RealmPublishTest, ItsProcessesHaveNoMoreRightsThanTheyNeed) {
  publish({at(101)});
  const auto capabilities = [](pid_t pid) {
    const auto status = sys::read_file(fmt::format("/proc/{}/status", pid));
    const auto begin = status.find("CapEff:\t") + 8;
    return std::stoull(status.substr(begin, 16), nullptr, 16);
  };
  constexpr auto kNetBindService = 1ULL << 10;
  EXPECT_EQ(capabilities(forwarder().pid) & ~kNetBindService, 0U);
  int makers = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0 || sys::network_namespace_of(pid) != realm_.state()->namespace_id) continue;
    if (!contains(sys::read_file_if_exists(entry.path() / "cmdline").value_or(""), "realm-sockets")) continue;
    ++makers;
    EXPECT_EQ(capabilities(pid), 0U);
  }
  EXPECT_EQ(makers, 1);
}

}  // namespace
}  // namespace hlid::node::network
