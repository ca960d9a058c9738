#include "node/qemu/agent_client.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/error.h"
#include "support/fake_qmp.h"

namespace hlid::node::qemu {
namespace {

using std::chrono::milliseconds;
using test::FakeAgent;
using test::FakePeer;
using test::FakeServer;

constexpr milliseconds kHasty{30};

TEST(AgentClient, SynchronisesThenCalls) {
  FakeAgent agent(
      [](FakePeer& peer, const json::object& request) { peer.reply(request, request.at("execute")); });
  AgentClient client(agent.socket(), "VM 100");
  EXPECT_EQ(client.call("guest-get-osinfo").value, "guest-get-osinfo");
  EXPECT_TRUE(client.ping());
  EXPECT_EQ(agent.connections(), 2);
}

TEST(AgentClient, ARefusalIsAReply) {
  FakeAgent agent([](FakePeer& peer, const json::object& request) {
    peer.refuse(request, "GenericError", "Invalid parameter 'pid'");
  });
  AgentClient client(agent.socket(), "VM 100");
  const auto reply = client.call("guest-exec-status", {{"pid", 1}});
  ASSERT_TRUE(reply.error);
  EXPECT_EQ(reply.error->error_class, "GenericError");
  EXPECT_EQ(reply.error->description, "Invalid parameter 'pid'");
}

TEST(AgentClient, RepliesOfAnEarlierConversationAreSkipped) {
  FakeServer server([](FakePeer& peer) {
    while (const auto request = peer.receive()) {
      if (get_string(*request, "execute") == "guest-sync-delimited") {
        const auto id = to_text(request->at("arguments").at("id"));
        // A stale reply, half a line, a stale sync, then ours.
        peer.send("{\"return\": \"stale\"}\n{\"ret\xff{\"return\": 1}\n\xff{\"return\": " + id + "}\n");
      } else {
        peer.reply(*request, "mine");
      }
    }
  });
  AgentClient client(server.socket(), "VM 100");
  EXPECT_EQ(client.call("guest-get-time").value, "mine");
}

TEST(AgentClient, NoAgentIsKnownByItsSilence) {
  FakeAgent agent([](FakePeer&, const json::object&) {}, false);
  AgentClient client(agent.socket(), "VM 100");
  EXPECT_FALSE(client.ping(kHasty));
  try {
    client.call("guest-ping", {}, kHasty, kHasty);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timeout);
    EXPECT_EQ(error.message(), "VM 100 qmp command 'guest-ping' failed - got timeout");
  }
}

TEST(AgentClient, AnAgentThatDiesDuringACallTimesOut) {
  FakeAgent agent([](FakePeer&, const json::object&) {});
  AgentClient client(agent.socket(), "VM 100");
  EXPECT_THROW(client.call("guest-exec", {}, kHasty), Error);
}

TEST(AgentClient, QemuGoingAwayIsAnError) {
  FakeAgent agent([](FakePeer& peer, const json::object&) { peer.hang_up(); });
  AgentClient client(agent.socket(), "VM 100");
  try {
    client.call("guest-exec");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io);
  }
  AgentClient nowhere("/nonexistent/socket", "VM 100");
  EXPECT_FALSE(nowhere.ping());
}

TEST(AgentClient, SilenceAfterShutdownIsSuccess) {
  FakeAgent agent([](FakePeer& peer, const json::object&) { peer.hang_up(); });
  AgentClient client(agent.socket(), "VM 100");
  EXPECT_FALSE(client.call("guest-shutdown").error);
}

// The fake serves one connection at a time and answers each command with the number of commands it has seen,
// so an interleaved conversation would show as a wrong or missing reply.
TEST(AgentClient, CallersTakeTurns) {
  FakeAgent agent([](FakePeer& peer, const json::object& request) {
    peer.reply(request, request.at("arguments").at("who"));
  });
  AgentClient client(agent.socket(), "VM 100");
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> callers;
    for (int who = 0; who < 8; ++who) {
      callers.emplace_back([&client, &right, who] {
        for (int i = 0; i < 10; ++i) {
          if (client.call("guest-x", {{"who", who}}).value == who) ++right;
        }
      });
    }
  }
  EXPECT_EQ(right, 80);
}

}  // namespace
}  // namespace hlid::node::qemu
