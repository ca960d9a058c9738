#include "drive/readiness.h"

#include <gtest/gtest.h>

#include "drive/evidence.h"
#include "unit/drive/lab.h"

namespace hlid::drive {
namespace {

class ReadinessTest : public ::testing::Test, protected Bench {
 protected:
  ReadinessTest() {
    guest().config = {{"name", "lab-web-1"}, {"ipconfig0", "ip=10.10.10.101/24,gw=10.10.10.1"}};
    guest().running = true;
  }
  test::FakePve::Guest& guest() { return pve.guests[1001]; }
  std::string wait(bool emulated = false) {
    ReadinessWatch watch{[&](const std::string& phase) { phases.push_back(phase); }, console};
    try {
      wait_until_ready(session, {"asgard", {1001}}, lab.machines[0], Deadlines::usual(emulated), watch);
    } catch (const Error& error) {
      return error.what();
    }
    return "ready";
  }
  long long seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
  }

  std::vector<std::string> phases;
  std::function<std::string()> console;
};

TEST_F(ReadinessTest, AGuestWithoutCloudInitIsReadyWithItsAddress) {
  EXPECT_EQ(wait(), "ready");
}

TEST_F(ReadinessTest, EachLinkIsNamedInItsTurn) {
  guest().running = false;
  guest().agent = false;
  guest().address = "10.10.10.77";
  guest().files["/usr/bin/cloud-init"] = "#!";
  int looks = 0;
  pve.before = [&](const net::HttpRequest&) -> std::optional<net::HttpResponse> {
    ++looks;
    if (looks == 5) guest().running = true;
    if (looks == 20) guest().agent = true;
    if (looks == 40) guest().address.clear();
    if (looks == 80) guest().files["/run/cloud-init/result.json"] = R"({"v1":{"errors":[]}})";
    return std::nullopt;
  };
  EXPECT_EQ(wait(), "ready");
  EXPECT_EQ(phases, (std::vector<std::string>{"booting", "waiting for address 10.10.10.101", "cloud-init"}));
}

TEST_F(ReadinessTest, ASilentAgentEndsInTimeWithTheConsole) {
  guest().agent = false;
  console = [] { return std::string("\x1b[0mKernel panic - not syncing\r\nlast line\r\n"); };
  const auto text = wait();
  EXPECT_NE(text.find("link 'agent' does not hold after 240 s"), std::string::npos) << text;
  EXPECT_NE(text.find("console:\n  | Kernel panic - not syncing\n  | last line"), std::string::npos) << text;
  EXPECT_LT(seconds(), 260);
}

TEST_F(ReadinessTest, EmulatedGuestsGetMoreTime) {
  guest().agent = false;
  EXPECT_NE(wait(true).find("after 1800 s"), std::string::npos);
  EXPECT_GE(seconds(), 1800);
}

TEST_F(ReadinessTest, CloudInitErrorsEndTheWaitingAtOnce) {
  guest().files["/run/cloud-init/result.json"] = R"({"v1":{"errors":["no datasource"]}})";
  guest().files["/var/log/cloud-init-output.log"] = "one\ntwo\n";
  const auto text = wait();
  EXPECT_NE(text.find("no datasource"), std::string::npos);
  EXPECT_NE(text.find("cloud-init:\n  | one\n  | two"), std::string::npos) << text;
  EXPECT_LT(seconds(), 5);
}

TEST_F(ReadinessTest, AMachineThatIsGoneIsHopeless) {
  pve.guests.erase(1001);
  EXPECT_NE(wait().find("link 'running' does not hold: does not exist"), std::string::npos);
}

TEST(Evidence, TakesTheLastLinesWithoutControlSequences) {
  EXPECT_EQ(last_lines("a\r\nb\x1b[1;31mred\x1b[0m\nc\n", 2), "bred\nc");
  EXPECT_EQ(last_lines("", 2), "");
}

}  // namespace
}  // namespace hlid::drive
