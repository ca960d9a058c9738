// The daemon's own life, without machines: what it leaves behind when it ends, by request and by kill -9,
// what the next one finds again, and that the machines' network follows the API.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/json.h"
#include "base/text.h"
#include "node_api.h"
#include "support/lab.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/programs.h"

namespace hlid::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

class Daemon : public ::testing::Test {
 protected:
  void SetUp() override {
    sys::PosixProcessRunner runner;
    const auto check = runner.run({.argv = {program("hlid-node").string(), "check"}, .timeout = kPatience});
    if (!check.ok()) GTEST_SKIP() << "this host has no network for machines: " << check.output;
  }

  static bool eventually(const std::function<bool()>& condition) {
    sys::SystemClock clock;
    const auto until = clock.now() + kPatience;
    while (clock.now() < until && !condition()) clock.sleep(std::chrono::milliseconds(20));
    return condition();
  }

  Running start(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"daemon", "--home", lab_.home().string(), "--node", "asgard"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto daemon = lab_.start("hlid-node", arguments);
    EXPECT_TRUE(eventually([&] { return lab_.daemon().has_value() || !daemon.alive(); })) << daemon.output();
    EXPECT_TRUE(daemon.alive()) << daemon.output();
    return daemon;
  }

  /// state.json of the realm; null while there is none.
  json::value realm() const {
    const auto text = sys::read_file_if_exists(lab_.node_folder() / "run" / "realm" / "state.json");
    return text ? parse_json(*text) : json::value();
  }
  std::string realm_id() const {
    return realm().is_object() ? get_string(realm().as_object(), "id").value_or("") : "";
  }
  sys::ProcessId process_of(const std::string& role) const {
    const auto object = realm().as_object().at(role).as_object();
    return {static_cast<pid_t>(*get_integer(object, "pid")),
            static_cast<std::uint64_t>(*get_integer(object, "start_time"))};
  }

  /// Of vmbr0 in the realm; empty while there is none.
  std::string addresses() {
    const auto anchor = process_of("anchor");
    sys::PosixProcessRunner runner;
    return runner
        .run({.argv = {program("hlid-node").string(), "enter",
                       fmt::format("{}:{}", anchor.pid, anchor.start_time), "--",
                       sys::find_program("ip").value(), "-brief", "address", "show", "vmbr0"},
              .timeout = kPatience})
        .output;
  }

  Lab lab_{"daemon"};
};

TEST_F(Daemon, LeavesNothingWhenItIsAskedToEnd) {
  auto daemon = start();
  ASSERT_NE(realm_id(), "");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(kPatience), 0) << daemon.output();
  EXPECT_EQ(lab_.leftovers(), std::vector<std::string>{});
  EXPECT_FALSE(lab_.daemon());
}

TEST_F(Daemon, ItsNetworkAndItsPortOutliveItsKilling) {
  auto first = start({"--port", "0"});
  const auto endpoint = NodeApi(lab_).endpoint();
  const auto id = realm_id();
  first.signal(SIGKILL);
  ASSERT_EQ(first.wait(kPatience), 128 + SIGKILL);
  EXPECT_TRUE(sys::is_alive(process_of("anchor")));
  auto second = start();
  EXPECT_EQ(realm_id(), id);
  EXPECT_EQ(NodeApi(lab_).endpoint(), endpoint);
  EXPECT_EQ(NodeApi(lab_).send("GET", "/version").status, 200);
}

TEST_F(Daemon, BringsTheNetworkBackWhenItsHolderIsKilled) {
  auto daemon = start();
  const auto id = realm_id();
  const auto holder = process_of("holder");
  sys::send_signal(holder, SIGKILL);
  EXPECT_TRUE(
      eventually([&] { return process_of("holder") != holder && sys::is_alive(process_of("holder")); }));
  EXPECT_EQ(realm_id(), id);
  EXPECT_TRUE(contains(addresses(), "10.10.10.1/24"));
}

TEST_F(Daemon, MakesTheNetworkAnewWhenAllOfItIsKilled) {
  auto daemon = start();
  const auto id = realm_id();
  daemon.signal(SIGSTOP);  // or it would bring each back before the next is killed
  for (const auto& process : {process_of("holder"), process_of("anchor")}) {
    sys::send_signal(process, SIGKILL);
    sys::wait_gone(process, kPatience);
  }
  daemon.signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return realm_id() != id && sys::is_alive(process_of("holder")); }));
  EXPECT_TRUE(eventually([&] { return contains(addresses(), "10.10.10.1/24"); }));
}

TEST_F(Daemon, TheNetworkFollowsTheApiAndStaysSo) {
  auto daemon = start();
  NodeApi api(lab_);
  api.call("PUT", "/nodes/asgard/network/vmbr0",
           {{"type", "bridge"}, {"cidr", "10.77.0.1/24"}, {"autostart", "1"}});
  EXPECT_TRUE(contains(addresses(), "10.10.10.1/24")) << "a change waits until it is applied";
  EXPECT_EQ(api.run("PUT", "/nodes/asgard/network"), "OK");
  EXPECT_TRUE(contains(addresses(), "10.77.0.1/24"));
  daemon.signal(SIGTERM);
  ASSERT_EQ(daemon.wait(kPatience), 0);
  auto second = start();
  EXPECT_TRUE(contains(addresses(), "10.77.0.1/24"));
}

TEST_F(Daemon, ServesWithoutANetworkAndSaysWhyThereIsNone) {
  sys::make_folder(lab_.node_folder() / "etc", 0700);
  sys::write_durable(lab_.node_folder() / "etc" / "interfaces",
                     "auto vmbr0\niface vmbr0 inet static\n address nonsense\n");
  auto daemon = start();
  EXPECT_TRUE(contains(daemon.output(), "line 3: 'nonsense' is not an IPv4 address")) << daemon.output();
  EXPECT_EQ(NodeApi(lab_).send("GET", "/version").status, 200);
}

}  // namespace
}  // namespace hlid::test
