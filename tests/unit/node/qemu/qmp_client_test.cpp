#include "node/qemu/qmp_client.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "support/fake_qmp.h"

namespace hlid::node::qemu {
namespace {

using test::FakePeer;
using test::FakeQmpServer;
using test::FakeServer;

constexpr Milliseconds kPatient{30'000};
constexpr Milliseconds kHasty{30};

const json::value& command_of(const json::object& request) {
  return request.at("execute");
}

/// Collects what the reader thread reports.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> events;
  std::vector<std::string> closed;

  QmpClient::Options options() {
    QmpClient::Options options;
    options.label = "VM 100";
    options.on_event = [this](const QmpEvent& event) {
      const std::lock_guard guard(mutex);
      events.push_back(event.name);
      changed.notify_all();
    };
    options.on_closed = [this](const std::string& reason) {
      const std::lock_guard guard(mutex);
      closed.push_back(reason);
      changed.notify_all();
    };
    return options;
  }
  template <typename Predicate>
  bool wait(Predicate predicate) {
    std::unique_lock guard(mutex);
    return changed.wait_for(guard, kPatient, predicate);
  }
};

TEST(QmpClient, NegotiatesAndKnowsTheVersion) {
  FakeQmpServer server([](FakePeer& peer, const json::object& request) {
    peer.reply(request, json::object{{"status", "running"}});
    return true;
  });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  EXPECT_EQ(client->version(), "7.2.22");
  EXPECT_EQ(client->execute("query-status").at("status"), "running");
  EXPECT_TRUE(client->is_open());
}

TEST(QmpClient, RepliesFindTheirCommandByIdWhateverTheOrder) {
  std::vector<json::object> held;
  FakeQmpServer server([&held](FakePeer& peer, const json::object& request) {
    held.push_back(request);
    if (held.size() == 2) {
      peer.reply(held[1], command_of(held[1]));
      peer.reply(held[0], command_of(held[0]));
    }
    return true;
  });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  json::value first;
  std::jthread other([&] { first = client->execute("query-cpus-fast", {}, kPatient); });
  EXPECT_EQ(client->execute("query-block", {}, kPatient), "query-block");
  other.join();
  EXPECT_EQ(first, "query-cpus-fast");
}

TEST(QmpClient, EventsInOneReadWithTheReplyAndInHalves) {
  FakeQmpServer server([](FakePeer& peer, const json::object& request) {
    peer.send(
        "{\"event\":\"STOP\",\"timestamp\":{\"seconds\":1,\"microseconds\":2}}\r\n{\"timestamp\":{\"sec");
    peer.send("onds\":3},\"event\":\"RESUME\",\"data\":{}}\r\n");
    peer.reply(request, json::object());
    return true;
  });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  client->execute("cont", {}, kPatient);
  EXPECT_TRUE(heard.wait([&] { return heard.events == std::vector<std::string>{"STOP", "RESUME"}; }));
}

// QEMU 7.2 sends SHUTDOWN before the reply to `quit`, and may close without any reply at all.
TEST(QmpClient, ShutdownBeforeTheReplyToQuit) {
  FakeQmpServer server([](FakePeer& peer, const json::object& request) {
    peer.send("{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":false,\"reason\":\"host-qmp-quit\"}}\r\n");
    peer.reply(request, json::object());
    return false;
  });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  EXPECT_EQ(client->execute("quit", {}, kPatient), json::object());
  EXPECT_TRUE(heard.wait([&] { return heard.closed.size() == 1 && heard.events.size() == 1; }));
}

TEST(QmpClient, AnErrorReplyIsTyped) {
  FakeQmpServer server([](FakePeer& peer, const json::object& request) {
    peer.refuse(request, "DeviceNotFound", "Device 'net7' not found");
    return true;
  });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  try {
    client->execute("device_del");
    FAIL();
  } catch (const QmpError& error) {
    EXPECT_EQ(error.error_class(), "DeviceNotFound");
    EXPECT_EQ(error.message(), "VM 100 qmp command 'device_del' failed - Device 'net7' not found");
  }
}

TEST(QmpClient, ATimeoutGivesUpTheCommandNotTheConnection) {
  std::optional<json::object> late;
  FakeQmpServer server([&late](FakePeer& peer, const json::object& request) {
    if (!late) {
      late = request;
    } else {
      peer.reply(*late, "late");
      peer.reply(request, "on time");
    }
    return true;
  });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  try {
    client->execute("query-block", {}, kHasty);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timeout);
    EXPECT_EQ(error.message(), "VM 100 qmp command 'query-block' failed - got timeout");
  }
  EXPECT_EQ(client->execute("query-status", {}, kPatient), "on time");
}

TEST(QmpClient, ADisconnectFailsEveryPendingCommand) {
  int seen = 0;
  FakeQmpServer server([&seen](FakePeer&, const json::object&) { return ++seen < 2; });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  Errc other_code = Errc::usage;
  std::jthread other([&] {
    try {
      client->execute("query-block", {}, kPatient);
    } catch (const Error& error) {
      other_code = error.code();
    }
  });
  try {
    client->execute("query-status", {}, kPatient);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io);
  }
  other.join();
  EXPECT_EQ(other_code, Errc::io);
  EXPECT_FALSE(client->is_open());
  EXPECT_THROW(client->execute("query-status"), Error);
  EXPECT_TRUE(heard.wait([&] { return heard.closed.size() == 1; }));
}

TEST(QmpClient, GarbageClosesTheConnection) {
  FakeQmpServer server([](FakePeer& peer, const json::object&) {
    peer.send("this is no JSON\n");
    return true;
  });
  Heard heard;
  const auto client = QmpClient::connect(server.socket(), heard.options());
  EXPECT_THROW(client->execute("query-status", {}, kPatient), Error);
  EXPECT_FALSE(client->is_open());
}

TEST(QmpClient, AHugeLineIsBounded) {
  FakeQmpServer server([](FakePeer& peer, const json::object&) {
    peer.send(std::string(3000, 'x'));
    return true;
  });
  Heard heard;
  auto options = heard.options();
  options.message_limit = 2000;
  const auto client = QmpClient::connect(server.socket(), std::move(options));
  EXPECT_THROW(client->execute("query-status", {}, kPatient), Error);
}

TEST(QmpClient, NobodyThereNoGreetingAndNotQmp) {
  Heard heard;
  EXPECT_THROW(QmpClient::connect("/nonexistent/socket", heard.options()), Error);
  FakeServer silent([](FakePeer& peer) { peer.receive(); });
  try {
    QmpClient::connect(silent.socket(), heard.options(), kHasty);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timeout);
  }
  FakeServer other([](FakePeer& peer) { peer.send("{\"hello\": 1}\n"); });
  EXPECT_THROW(QmpClient::connect(other.socket(), heard.options()), Error);
}

TEST(QmpClient, TheTranscriptKeepsTheLastLines) {
  FakeQmpServer server([](FakePeer& peer, const json::object& request) {
    peer.reply(request, 1);
    return true;
  });
  Heard heard;
  auto options = heard.options();
  options.transcript_lines = 2;
  const auto client = QmpClient::connect(server.socket(), std::move(options));
  client->execute("query-a");
  client->execute("query-b");
  const auto lines = client->transcript();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], R"(> {"execute":"query-b","id":3})");
  EXPECT_EQ(lines[1], R"(< {"return":1,"id":3})");
}

TEST(QmpClient, MayBeDestroyedByItsOwnCloseCallback) {
  FakeQmpServer server([](FakePeer&, const json::object&) { return false; });
  Heard heard;
  std::unique_ptr<QmpClient> client;
  auto options = heard.options();
  const auto report = options.on_closed;
  std::mutex gate;
  options.on_closed = [&](const std::string& reason) {
    {
      const std::lock_guard guard(gate);
      client.reset();
    }
    report(reason);
  };
  {
    const std::lock_guard guard(gate);
    client = QmpClient::connect(server.socket(), std::move(options));
  }
  QmpClient* raw = client.get();
  std::jthread caller([raw] {
    try {
      raw->execute("quit", {}, kPatient);
    } catch (const Error&) {
    }
  });
  caller.join();
  EXPECT_TRUE(heard.wait([&] { return heard.closed.size() == 1; }));
}

}  // namespace
}  // namespace hlid::node::qemu
