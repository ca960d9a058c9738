// `publish:` of the homelab file with two tiny guests: clients of the host reach servers in machines whose
// network is not the host's, through everything that happens to machines, file and daemon. Run as root and,
// by HLID_TEST_AS_USER=UID, as an ordinary user. The cases share one lab and run in their order.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <iostream>

#include "base/text.h"
#include "support/lab.h"
#include "support/ordinary_user.h"
#include "support/tcp_client.h"
#include "sys/clock.h"

namespace hlid::test {

static std::string tiny_image;  // built before the user changes

namespace {

constexpr auto kPatience = std::chrono::minutes(5);

class Publish : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    lab_ = std::make_unique<Lab>("publish");
    group_ = free_port(), machine_ = free_port(), later_ = free_port();
  }
  static void TearDownTestSuite() { lab_.reset(); }

  void SetUp() override {
    sys::PosixProcessRunner runner;
    const auto check = runner.run({.argv = {program("hlid-node").string(), "check"}, .timeout = kPatience});
    if (!check.ok()) GTEST_SKIP() << "this host has no network for machines: " << check.output;
  }

  static std::string file(const std::string& publish) {
    const auto text = fmt::format(
        "apiVersion: hlid/v1\n"
        "name: web\n"
        "proxmox: {{node: asgard, storage: local}}\n"
        "template: {{name: tiny, vmid: 9000, image: \"{}\"}}\n"
        "machines:\n"
        "  - {{group: w, count: 2, vmid: 101, address: 10.10.10.101, cores: 1, memory: 192MiB, disk: 1GiB, "
        "clone: linked}}\n"
        "publish:\n{}",
        tiny_image, publish);
    return lab_->write("web.yaml", text).string();
  }
  static std::string both() {
    return fmt::format(
        "  - {{port: {}, to: w, target_port: 80}}\n  - {{port: {}, to: w-2, target_port: 80}}\n", group_,
        machine_);
  }
  static sys::ProcessResult hlid(std::vector<std::string> words, const std::string& publish = both()) {
    words.insert(words.end(), {"-f", file(publish)});
    return lab_->hlid(words, kPatience);
  }
  static void expect_ok(const sys::ProcessResult& result) {
    EXPECT_TRUE(result.ok()) << result.describe() << "\n" << lab_->transcript();
  }

  /// The host name that a guest serves; "" when the port leads nowhere.
  static std::string ask(int port) {
    TcpClient client(port);
    if (!client.connected() || !client.say("GET / HTTP/1.0\r\n\r\n")) return "";
    const auto answer = client.hear_all();
    const auto body = answer.find("\r\n\r\n");
    return body == std::string::npos ? "" : std::string(trim(answer.substr(body)));
  }
  static bool eventually(const std::function<bool()>& condition) {
    sys::SystemClock clock;
    const auto until = clock.now() + std::chrono::minutes(3);
    while (clock.now() < until && !condition()) clock.sleep(std::chrono::milliseconds(100));
    return condition();
  }
  static std::vector<std::string> asked_often(int port, int times) {
    std::set<std::string> names;
    for (int i = 0; i < times; ++i) names.insert(ask(port));
    return {names.begin(), names.end()};
  }

  static inline std::unique_ptr<Lab> lab_;
  static inline int group_ = 0, machine_ = 0, later_ = 0;
};

TEST_F(Publish, A_UpOpensThePorts) {
  expect_ok(hlid({"up", "--yes"}));
  EXPECT_TRUE(eventually([] { return ask(group_) != "" && ask(machine_) != ""; })) << lab_->transcript();
  EXPECT_TRUE(eventually([] {
    return asked_often(group_, 6) == std::vector<std::string>{"web-w-1", "web-w-2"};
  }));
  EXPECT_EQ(asked_often(machine_, 3), std::vector<std::string>{"web-w-2"});
  EXPECT_EQ(hlid({"plan", "--check"}).status, 0);
  const auto status = hlid({"status"});
  EXPECT_TRUE(contains(status.output, fmt::format("127.0.0.1:{}", group_))) << status.output;
  EXPECT_TRUE(contains(status.output, "2 of 2 answer")) << status.output;
}

TEST_F(Publish, B_TwoHundredClientsAtOnce) {
  std::vector<std::unique_ptr<TcpClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<TcpClient>(group_));
  for (auto& client : clients) EXPECT_TRUE(client->say("GET / HTTP/1.0\r\n\r\n"));
  int answers = 0;
  for (auto& client : clients) answers += contains(client->hear_all(), "web-w-") ? 1 : 0;
  EXPECT_EQ(answers, 200);
}

TEST_F(Publish, C_PortsOutliveTheDaemon) {
  TcpClient open(machine_);
  ASSERT_TRUE(open.connected());
  const auto daemon = lab_->daemon();
  ASSERT_TRUE(daemon);
  sys::send_signal(*daemon, SIGKILL);
  ASSERT_TRUE(sys::wait_gone(*daemon, std::chrono::seconds(10)));
  EXPECT_EQ(ask(machine_), "web-w-2") << "while there is no daemon";
  expect_ok(hlid({"status"}));  // starts another
  ASSERT_TRUE(lab_->daemon());
  EXPECT_EQ(ask(machine_), "web-w-2");
  EXPECT_TRUE(open.say("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(contains(open.hear_all(), "web-w-2")) << "a connection from before";
  EXPECT_EQ(hlid({"plan", "--check"}).status, 0);
}

TEST_F(Publish, D_AMachineThatIsOffIsLeftOut) {
  const auto machines = lab_->processes_named("qemu-system-x86_64");
  ASSERT_EQ(machines.size(), 2U);
  ::kill(machines.front(), SIGKILL);
  EXPECT_TRUE(eventually([] { return asked_often(group_, 4).size() == 1; }));
  for (int i = 0; i < 10; ++i) EXPECT_NE(ask(group_), "");
  expect_ok(hlid({"up", "--yes"}));
  EXPECT_TRUE(eventually([] { return asked_often(group_, 6).size() == 2; }));
}

TEST_F(Publish, E_ChangesAreLiveAndTouchNothingElse) {
  TcpClient open(machine_);
  ASSERT_TRUE(open.connected());
  const auto changed = fmt::format(
      "  - {{port: {}, to: w-2, target_port: 80}}\n  - {{port: {}, to: 10.10.10.101, target_port: 80}}\n",
      machine_, later_);
  const auto plan = hlid({"plan"}, changed);
  EXPECT_TRUE(contains(plan.output, "web: 1 step\n")) << plan.output;
  EXPECT_TRUE(contains(plan.output, fmt::format("127.0.0.1:{} is closed", group_))) << plan.output;
  expect_ok(hlid({"up", "--yes"}, changed));
  EXPECT_FALSE(TcpClient(group_).connected());
  EXPECT_EQ(ask(later_), "web-w-1");
  EXPECT_TRUE(open.say("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(contains(open.hear_all(), "web-w-2"));
  expect_ok(hlid({"up", "--yes"}));
  EXPECT_EQ(ask(machine_), "web-w-2");
}

TEST_F(Publish, F_APortThatIsTakenIsSaidAndChangesNothing) {
  const TakenPort taken;
  const auto result = hlid(
      {"up", "--yes"}, both() + fmt::format("  - {{port: {}, to: w, target_port: 80}}\n", taken.number()));
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.error_output,
                       fmt::format("port {} of 127.0.0.1 is in use by another program", taken.number())))
      << result.error_output;
  EXPECT_TRUE(contains(result.error_output, "fix: ")) << result.error_output;
  EXPECT_EQ(ask(machine_), "web-w-2");
  EXPECT_EQ(hlid({"plan", "--check"}).status, 0);
}

TEST_F(Publish, G_PortsComeBackAfterAPowerCut) {
  lab_->kill_all();
  EXPECT_FALSE(TcpClient(machine_).connected());
  expect_ok(hlid({"status"}));  // starts the node, which starts its machines
  EXPECT_TRUE(eventually([] { return ask(machine_) == "web-w-2"; }));
}

TEST_F(Publish, H_DestroyClosesThem) {
  expect_ok(hlid({"destroy", "--yes", "--template"}));
  EXPECT_FALSE(TcpClient(group_).connected());
  EXPECT_FALSE(TcpClient(machine_).connected());
  expect_ok(hlid({"node", "stop"}));
  EXPECT_EQ(lab_->leftovers(), std::vector<std::string>{});
}

}  // namespace
}  // namespace hlid::test

int main(int argc, char** argv) {
  hlid::test::tiny_image = hlid::test::tiny_disk().string();
  if (!hlid::test::become_asked_user()) {
    std::perror("cannot become an ordinary user");
    return 77;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
