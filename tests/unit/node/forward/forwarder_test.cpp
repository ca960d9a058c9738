// The forwarder with real sockets of the loopback, all on one thread: servers and clients are turned with the
// same loop.
#include "node/forward/forwarder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>

#include "base/error.h"
#include "node/forward/listener.h"
#include "support/fake_clock.h"

namespace hlid::node::forward {
namespace {

using namespace std::chrono_literals;
using Opening = Forwarder::Opening;

constexpr Endpoint kAny{Ipv4{0x7f000001}, 0};

/// Echoes what it gets, and ends when the client has ended. Begins with its greeting.
class EchoServer {
 public:
  EchoServer(EventLoop& loop, std::string greeting, const Endpoint& at = kAny)
      : loop_(loop), greeting_(std::move(greeting)), listener_(listen_on(at)) {
    watch_ = std::make_unique<Watch>(loop, listener_.get(), [this] { accept_one(); });
    watch_->want(Watch::For::reading);
  }
  Endpoint at() const { return name_of(listener_); }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Peer {
    sys::UniqueFd fd;
    std::unique_ptr<Watch> watch;
  };
  void accept_one() {
    auto& peer = connections_[++last_];
    peer.fd.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    ::send(peer.fd.get(), greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
    peer.watch = std::make_unique<Watch>(loop_, peer.fd.get(), [this, id = last_] { echo(id); });
    peer.watch->want(Watch::For::reading);
  }
  void echo(int id) {
    std::array<char, 4096> piece;
    const auto got = ::recv(connections_.at(id).fd.get(), piece.data(), piece.size(), 0);
    if (got <= 0) {
      connections_.erase(id);
    } else {
      ::send(connections_.at(id).fd.get(), piece.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    }
  }

  EventLoop& loop_;
  std::string greeting_;
  sys::UniqueFd listener_;
  std::unique_ptr<Watch> watch_;
  std::map<int, Peer> connections_;
  int last_ = 0;
};

class Client {
 public:
  explicit Client(const Endpoint& to) : fd_(OwnSockets().make()) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(static_cast<std::uint16_t>(to.port));
    peer.sin_addr.s_addr = htonl(to.address.value);
    ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
  }
  void say(std::string_view text) { ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL); }
  void end() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  /// All that came so far; "<end>" and "<reset>" as in a play.
  const std::string& heard() {
    std::array<char, 4096> piece;
    while (!over_) {
      const auto got = ::recv(fd_.get(), piece.data(), piece.size(), 0);
      if (got > 0) heard_.append(piece.data(), static_cast<std::size_t>(got));
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) heard_ += got == 0 ? "<end>" : "<reset>", over_ = true;
    }
    return heard_;
  }

 private:
  sys::UniqueFd fd_;
  std::string heard_;
  bool over_ = false;
};

/// A port where nobody listens.
Endpoint closed_port() {
  return name_of(listen_on(kAny));
}

class ForwarderTest : public testing::Test {
 protected:
  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) loop_.run_once(2ms);
    return condition();
  }
  Endpoint publish(const std::vector<Endpoint>& to) {
    auto rules = forwarder_.rules();
    rules.push_back({closed_port(), to, "lab"});
    forwarder_.set(rules, Opening::all_or_nothing);
    return rules.back().listen;
  }
  PortStatus status(std::size_t index = 0) { return forwarder_.status().at(index); }
  bool hears(Client& client, std::string_view text) {
    return until([&] { return client.heard() == text; });
  }

  test::FakeClock clock_;
  EventLoop loop_{clock_};
  OwnSockets sockets_;
  EchoServer one_{loop_, "one "}, two_{loop_, "two "};
  Forwarder forwarder_{loop_, sockets_, 300};
};

TEST_F(ForwarderTest, AClientReachesTheServer) {
  const auto port = publish({one_.at()});
  Client client(port);
  client.say("hello");
  EXPECT_TRUE(hears(client, "one hello")) << client.heard();
  client.end();
  EXPECT_TRUE(hears(client, "one hello<end>")) << client.heard();
  EXPECT_TRUE(until([&] { return status().active == 0; }));
  EXPECT_EQ(status().listen, port);
  EXPECT_TRUE(status().listening);
  EXPECT_EQ(status().accepted, 1U);
  EXPECT_EQ(status().received, 5U);
  EXPECT_EQ(status().sent, 9U);
  EXPECT_EQ(status().backends.at(0).health, Health::up);
}

TEST_F(ForwarderTest, TheServersTakeTurns) {
  const auto port = publish({one_.at(), two_.at()});
  Client a(port), b(port);
  EXPECT_TRUE(until([&] { return !a.heard().empty() && !b.heard().empty(); }));
  EXPECT_NE(a.heard(), b.heard());
}

TEST_F(ForwarderTest, WhoRefusesIsSkipped) {
  const auto down = closed_port();
  const auto port = publish({down, one_.at(), down});
  for (int i = 0; i < 4; ++i) {
    Client client(port);
    EXPECT_TRUE(hears(client, "one "));
  }
  EXPECT_EQ(status().failed, 0U);
  EXPECT_EQ(status().backends.at(0).health, Health::down);
  EXPECT_EQ(status().backends.at(0).error, "Connection refused");
}

TEST_F(ForwarderTest, WhoCameBackIsFoundWithoutAClient) {
  const auto at = closed_port();
  publish({at});
  EXPECT_TRUE(until([&] { return status().backends.at(0).health == Health::down; }));
  const EchoServer late(loop_, "late ", at);
  clock_.tick(1s);
  EXPECT_TRUE(until([&] { return status().backends.at(0).health == Health::up; }));
}

TEST_F(ForwarderTest, WithoutAnyServerTheClientIsReset) {
  const auto port = publish({closed_port(), closed_port()});
  Client client(port);
  EXPECT_TRUE(hears(client, "<reset>")) << client.heard();
  EXPECT_EQ(status().failed, 1U);
  EXPECT_EQ(status().active, 0);
}

TEST_F(ForwarderTest, ManyAtOnce) {
  const auto port = publish({one_.at(), two_.at()});
  std::vector<Client> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(port);
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i].say(std::to_string(i)), clients[i].end();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto said = std::to_string(i) + "<end>";
    EXPECT_TRUE(until([&] { return clients[i].heard().ends_with(said); })) << i << clients[i].heard();
  }
  EXPECT_TRUE(until([&] { return status().active == 0; }));
  EXPECT_EQ(status().accepted, 200U);
}

TEST_F(ForwarderTest, OverItsLimitAClientWaits) {
  const auto port = publish({one_.at()});
  auto rules = forwarder_.rules();
  std::vector<Client> clients;
  for (int i = 0; i < status().limit + 1; ++i) clients.emplace_back(port);
  EXPECT_TRUE(until([&] { return status().active == status().limit; }));
  EXPECT_TRUE(hears(clients.front(), "one "));
  EXPECT_EQ(clients.back().heard(), "");
  clients.front().close();
  EXPECT_TRUE(hears(clients.back(), "one "));
  EXPECT_EQ(status().active, status().limit);
}

TEST_F(ForwarderTest, ChangesLeaveTheOthersAlone) {
  const auto kept = publish({one_.at()});
  Client client(kept);
  EXPECT_TRUE(hears(client, "one "));
  publish({two_.at()});
  EXPECT_EQ(status(0).limit, 150) << "an even share";
  auto rules = forwarder_.rules();
  rules[0].to = {one_.at(), two_.at()};
  rules.erase(rules.begin() + 1);
  forwarder_.set(rules, Opening::all_or_nothing);
  client.say("still here");
  EXPECT_TRUE(hears(client, "one still here"));
}

TEST_F(ForwarderTest, WhatIsNotPublishedAnyMoreIsCut) {
  const auto first = publish({one_.at(), two_.at()});
  Client a(first), b(first);
  EXPECT_TRUE(until([&] { return !a.heard().empty() && !b.heard().empty(); }));
  auto& on_one = a.heard() == "one " ? a : b;
  auto& on_two = a.heard() == "one " ? b : a;
  forwarder_.set({{first, {two_.at()}, "lab"}}, Opening::all_or_nothing);
  EXPECT_TRUE(hears(on_one, "one <reset>"));
  on_two.say("x");
  EXPECT_TRUE(hears(on_two, "two x"));
  forwarder_.set({}, Opening::all_or_nothing);
  EXPECT_TRUE(hears(on_two, "two x<reset>"));
  Client late(first);
  EXPECT_TRUE(hears(late, "<reset>"));
}

TEST_F(ForwarderTest, APortOfAnotherProgramIsAnErrorThatChangesNothing) {
  const auto port = publish({one_.at()});
  const EchoServer other(loop_, "other ");
  const std::vector<Rule> wanted{{{Ipv4{0}, port.port}, {two_.at()}, "lab"},
                                 {other.at(), {one_.at()}, "lab"}};
  try {
    forwarder_.set(wanted, Opening::all_or_nothing);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::conflict);
    EXPECT_EQ(std::string(error.what()),
              "port " + std::to_string(other.at().port) + " of 127.0.0.1 is in use by another program");
    EXPECT_NE(error.hint(), "");
  }
  EXPECT_EQ(forwarder_.rules().size(), 1U);
  Client client(port);
  EXPECT_TRUE(hears(client, "one "));
}

TEST_F(ForwarderTest, APortThatIsTakenNowIsOpenedLater) {
  auto other = std::make_unique<EchoServer>(loop_, "other ");
  const auto port = other->at();
  forwarder_.set({{port, {one_.at()}, "lab"}}, Opening::what_is_possible);
  EXPECT_FALSE(status().listening);
  EXPECT_NE(status().error, "");
  other.reset();
  clock_.tick(5s);
  EXPECT_TRUE(until([&] { return status().listening; }));
  EXPECT_EQ(status().error, "");
  Client client(port);
  EXPECT_TRUE(hears(client, "one "));
}

TEST_F(ForwarderTest, MovesToAllAddressesAndBack) {
  const auto port = publish({one_.at()});
  const Endpoint everywhere{Ipv4{0}, port.port};
  forwarder_.set({{everywhere, {one_.at()}, "lab"}}, Opening::all_or_nothing);
  EXPECT_EQ(status().listen, everywhere);
  forwarder_.set({{port, {one_.at()}, "lab"}}, Opening::all_or_nothing);
  Client client(port);
  EXPECT_TRUE(hears(client, "one "));
}

TEST_F(ForwarderTest, RefusesWhatCannotBe) {
  const auto set = [&](const std::vector<Rule>& rules) { forwarder_.set(rules, Opening::what_is_possible); };
  EXPECT_THROW(set({{kAny, {}, ""}}), Error);
  EXPECT_THROW(set({{{Ipv4{0}, 8080}, {one_.at()}, "a"}, {{Ipv4{0x7f000001}, 8080}, {one_.at()}, "b"}}),
               Error);
  try {
    forwarder_.set({{{Ipv4{0xc0000201}, 8080}, {one_.at()}, ""}}, Opening::all_or_nothing);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "this host has no address 192.0.2.1");
  }
  EXPECT_TRUE(forwarder_.rules().empty());
}

}  // namespace
}  // namespace hlid::node::forward
