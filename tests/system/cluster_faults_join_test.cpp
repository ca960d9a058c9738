// Machines that cannot join, or do not get ready, or whose service is killed at every step of its start.
#include <atomic>
#include <thread>

#include "base/text.h"
#include "fault_lab.h"

namespace hlid::test {
namespace {

using namespace std::chrono_literals;
using cli::Exit;

class JoinFault : public FaultTest {
 protected:
  static constexpr const char* kServers[] = {"m1", "m2", "m3"};
  static constexpr const char* kD = "cd /var/lib/rancher/rke2/server; ";
};

TEST_F(JoinFault, ATokenThatTheServersDoNotTake) {
  make_anew("w1");
  for (const auto* server : kServers)
    lab().shell(server, std::string(kD) +
                            "[ ! -e agent-token ] || mv agent-token /root; "
                            "sed 's/:[^:]*$/:wrong/' token >agent-token");
  expect_told(lab().up(), Exit::failed,
              {"join-cluster w1: w1 is not ready: link 'unit' does not hold: the token was refused", "\n  | ",
               "not authorized"});
  for (const auto* server : kServers)
    lab().shell(server,
                std::string(kD) + "rm agent-token; [ ! -e /root/agent-token ] || mv /root/agent-token .");
  expect_mended();
}

/// Somebody gave it another cluster's token and started it: that is put right without a word.
TEST_F(JoinFault, ATokenOfAnotherClusterIsReplaced) {
  make_anew("w1");
  lab().box("w1").install(kRelease);
  const std::string config = "/etc/rancher/rke2/config.yaml.d/";
  lab().box("w1").write(config + "10-hlid.yaml", "server: https://10.99.0.100:9345\n");
  lab().box("w1").write(config + "11-hlid-token.yaml",
                        "token: K10" + std::string(64, 'a') + "::node:wrong\n");
  lab().box("w1").start("agent");
  EXPECT_TRUE(eventually(20s, [] {
    return contains(lab().box("w1").journal("agent"), "token CA hash does not match");
  })) << lab().box("w1").journal("agent");
  expect_mended();
}

TEST_F(JoinFault, AnotherAuthorityAnswersAtTheAddressOfTheCluster) {
  make_anew("w1");
  for (const auto* server : kServers) hasten(server, "wrong_ca\n");
  expect_told(lab().up(), Exit::precondition,
              {"join-cluster w1: two-clusters: 10.99.0.", " answers 'w1' with another CA than 'm"});
  EXPECT_EQ(lab().shell("w1", "systemctl is-enabled rke2-agent 2>/dev/null || true"), "disabled\n");
  for (const auto* server : kServers) hasten(server);
  expect_mended();
}

/// A server that was to join another cluster once, and never did.
TEST_F(JoinFault, AnAuthorityOfAClusterThatIsNoMoreIsSetAside) {
  make_anew("m3");
  lab().shell("m3",
              "mkdir -p /var/lib/rancher/rke2/server/tls && cd /var/lib/rancher/rke2/server/tls && "
              "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=another "
              "-keyout server-ca.key -out server-ca.crt 2>/dev/null");
  expect_mended();
  EXPECT_NE(lab().shell("m3", "ls -d /var/lib/rancher/rke2/server-stale-*"), "");
}

/// One that never says that it is up, and one whose network never comes: each is told with its own first
/// broken link when its time is over.
TEST_F(JoinFault, NeverReady) {
  make_anew("m3", "never_ready\n");
  make_anew("w1", "cni_delay=100000\n");
  const auto told = lab().up(kHurry);
  expect_told(told, Exit::failed,
              {"join-cluster m3: m3 is not ready: link 'unit' does not hold: rke2-server is activating/start",
               "(after 900 s)", "join-cluster w1: w1 is not ready: link 'node' does not hold: not Ready: ",
               "(after 600 s)", "\n  fix: hlid ssh w1 -- sudo journalctl -u rke2-agent"});
  expect_well({"m1", "m2"});
  for (const auto* name : {"m3", "w1"}) hasten(name);
  expect_mended();
}

/// Ends a box's service with SIGKILL after each step of its start, each once; then it is left alone.
class Reaper {
 public:
  Reaper(Rke2Box& box, std::vector<std::string> steps) : box_(box), steps_(std::move(steps)) {
    box_.write("/etc/systemd/system/rke2-server.service.d/90-test.conf", kOften);
    box_.write("/etc/systemd/system/rke2-agent.service.d/90-test.conf", kOften);
    aim(steps_.front());
    thread_ = std::jthread([this](const std::stop_token& stop) { reap(stop); });
  }
  std::size_t kills() const { return kills_; }
  bool done() const { return kills_ == steps_.size(); }

 private:
  static constexpr const char* kOften = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=1s\n";

  void aim(const std::string& step) {
    box_.fault("promote_delay=2\nimport_delay=0\ncni_delay=1\nkill_after_step=" + step + "\n");
  }
  void reap(const std::stop_token& stop) {
    for (const auto& step : steps_) {
      aim(step);
      while (!box_.run({"test", "-e", "/run/rke2-fake/killed-" + step}).ok()) {
        if (stop.stop_requested()) return;
        std::this_thread::sleep_for(100ms);
      }
      ++kills_;
    }
    box_.fault("promote_delay=2\n");
  }

  Rke2Box& box_;
  const std::vector<std::string> steps_;
  std::atomic<std::size_t> kills_ = 0;
  std::jthread thread_;
};

const std::vector<std::string> kFounding{"runtime", "pki",       "listener", "images", "etcd-started",
                                         "etcd",    "apiserver", "register", "ready"};
const std::vector<std::string> kJoining{"runtime",      "pki",  "listener",  "images",   "member-add",
                                        "etcd-started", "etcd", "apiserver", "register", "ready"};
const std::vector<std::string> kServing{"runtime", "pki", "images", "register"};

/// Founder, joining server and agent are killed at every step, and `up` itself is stopped in the middle.
TEST_F(JoinFault, KilledAtEveryStepOfForming) {
  for (const auto& name : lab().names()) {
    lab().rebuild(name);
    hasten(name);
  }
  Reaper founder(lab().box("m1"), kFounding), server(lab().box("m2"), kJoining),
      agent(lab().box("w1"), kServing);
  std::stop_source ctrl_c;
  std::jthread user([&](const std::stop_token& stop) {
    while (founder.kills() < 5 && !stop.stop_requested()) std::this_thread::sleep_for(50ms);
    ctrl_c.request_stop();
  });
  const auto stopped = lab().up(1, ctrl_c.get_token());
  EXPECT_EQ(stopped.status, Exit::interrupted) << stopped;
  EXPECT_LT(founder.kills(), kFounding.size());
  const auto resumed = lab().up();
  EXPECT_EQ(resumed, (Told{Exit::done, ""}));
  EXPECT_TRUE(eventually(60s, [&] { return founder.done() && server.done() && agent.done(); }))
      << founder.kills() << " " << server.kills() << " " << agent.kills();
  EXPECT_TRUE(eventually(60s, [] { return lab().ill().empty(); })) << lab().ill();
  expect_mended();
}

}  // namespace
}  // namespace hlid::test
