#include "node/daemon/listener.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hlid::node::daemon {
namespace {

using Ports = std::vector<std::uint16_t>;

TEST(Listener, TriesThePortAskedForOnlyOrElseTheOneItHad) {
  EXPECT_EQ(ports_to_try({.port = std::uint16_t{9000}}, 8123), Ports{9000});
  EXPECT_EQ(ports_to_try({.port = std::uint16_t{0}}, 8123), Ports{0});
  EXPECT_EQ(ports_to_try({}, 0), (Ports{8006, 0}));
  EXPECT_EQ(ports_to_try({}, 8006), (Ports{8006, 0}));
  EXPECT_EQ(ports_to_try({}, 8123), (Ports{8123, 8006, 0}));
}

TEST(Listener, RemembersItsPort) {
  const sys::TempFolder home;
  const NodeFolder folder(home.path(), "asgard");
  folder.prepare();
  EXPECT_EQ(last_port(folder), 0);
  announce(folder, "https://127.0.0.1:8123");
  EXPECT_EQ(last_port(folder), 8123);
  announce(folder, "https://127.0.0.1:81x");
  EXPECT_EQ(last_port(folder), 0);
}

TEST(Listener, IsCalledByAnAddressThatReachesIt) {
  EXPECT_EQ(url_of("127.0.0.1", 8006), "https://127.0.0.1:8006");
  EXPECT_EQ(url_of("0.0.0.0", 1), "https://127.0.0.1:1");
  EXPECT_EQ(url_of("fd00::1", 1), "https://[fd00::1]:1");
  EXPECT_EQ(certificate_names({.node = "n", .listen = "192.0.2.1"}),
            (std::vector<std::string>{"n", "localhost", "127.0.0.1", "192.0.2.1"}));
  EXPECT_EQ(certificate_names({.node = "n", .listen = "0.0.0.0"}),
            (std::vector<std::string>{"n", "localhost", "127.0.0.1"}));
}

struct Refuser : net::HttpHandler {
  net::BodyVerdict on_head(const net::ServerRequest&) override { return {}; }
  void handle(net::ServerRequest, net::Respond respond) override { respond({}); }
};

TEST(Listener, ADaemonThatWasAskedForATakenPortSaysSo) {
  const sys::TempFolder home;
  const NodeFolder folder(home.path(), "asgard");
  folder.prepare();
  const auto identity = ensure_identity(folder, {"127.0.0.1"});
  Refuser handler;
  const auto first = listen({.port = std::uint16_t{0}}, folder, identity, handler);
  EXPECT_THROW(listen({.port = first->port()}, folder, identity, handler), Error);
  announce(folder, url_of("127.0.0.1", first->port()));
  const auto second = listen({}, folder, identity, handler);
  EXPECT_NE(second->port(), first->port());
}

}  // namespace
}  // namespace hlid::node::daemon
