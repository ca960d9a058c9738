// What goes wrong, by itself or on demand.
#include <gtest/gtest.h>

#include "base/text.h"
#include "support/fake_rke2/self_cluster.h"

namespace hlid::test {
namespace {

/// A box of its own for each case, beside the cluster.
class Faults : public testing::Test {
 protected:
  void SetUp() override {
    box_.power_on();
    box_.install(kFirst);
  }
  void TearDown() override {
    box_.cut_power();
    std::filesystem::remove_all(cluster().network.folder() / box_.name());
  }
  bool says(const std::string& role, const std::string& text) {
    return eventually(60s, [&] { return contains(box_.journal(role), text); });
  }
  Rke2Box box_{cluster().network, "x1", "10.99.0.51"};
};

TEST_F(Faults, WrongTokenAndWrongAuthority) {
  box_.configure("server: https://" + kVip + ":9345\ntoken: wrong\n");
  box_.start("server");
  EXPECT_TRUE(says("server", "not authorized")) << box_.journal("server");
  box_.sh("systemctl stop rke2-server");
  box_.configure("server: https://" + kVip + ":9345\ntoken: K10" + std::string(64, 'a') + "::server:x\n");
  box_.start("server");
  EXPECT_TRUE(says("server", "token CA hash does not match")) << box_.journal("server");
  box_.sh("systemctl stop rke2-server");
  box_.start("agent");
  EXPECT_TRUE(says("agent", "token CA hash does not match")) << box_.journal("agent");
  EXPECT_EQ(box_.unit_state("agent"), "activating/start");
}

TEST_F(Faults, AnotherClusterCidrIsRefused) {
  box_.configure("server: https://" + kVip +
                 ":9345\ncluster-cidr: 10.52.0.0/16\ntoken: " + cluster().token() + "\n");
  box_.start("server");
  EXPECT_TRUE(says("server", "critical configuration value mismatch")) << box_.journal("server");
}

TEST_F(Faults, NobodyListens) {
  box_.configure("server: https://10.99.0.77:9345\ntoken: x\n");
  box_.start("server");
  EXPECT_TRUE(says("server", "failed to get CA certs")) << box_.journal("server");
}

TEST_F(Faults, NoImages) {
  box_.fault("pull_delay=1\n");
  box_.sh("rm /var/lib/rancher/rke2/agent/images/*");
  box_.configure("token: x\n");
  box_.start("server");
  EXPECT_TRUE(says("server", "failed to get runtime image")) << box_.journal("server");
}

TEST_F(Faults, ProfileNeedsItsSysctls) {
  box_.configure("token: x\nprofile: cis-1.23\n");
  box_.start("server");
  EXPECT_TRUE(says("server", "invalid value provided for --profile flag")) << box_.journal("server");
}

TEST_F(Faults, KilledAfterAnyStepItGoesOn) {
  box_.configure("token: x\n");
  for (const char* step : {"runtime", "pki", "etcd-started", "apiserver", "register", "ready"}) {
    box_.fault(std::string("kill_after_step=") + step + "\n");
    box_.restart("server");
    EXPECT_TRUE(says("server", std::string("fault kill_after_step=") + step)) << box_.journal("server");
    EXPECT_TRUE(eventually(60s, [&] { return is_active(box_, "server"); })) << step << box_.journal("server");
  }
  EXPECT_TRUE(eventually(30s, [&] { return ready_nodes(box_) == Names{"x1"}; }));
}

TEST_F(Faults, NeverReadyAndUnready) {
  box_.fault("crash_before_ready=2\n");
  box_.configure("token: x\n");
  box_.start("server");
  EXPECT_TRUE(eventually(90s, [&] { return is_active(box_, "server"); })) << box_.journal("server");
  EXPECT_TRUE(contains(box_.journal("server"), "fault crash_before_ready"));
  box_.fault("readyz_503_for=600\napiserver_401\n");
  EXPECT_EQ(box_.sh("curl -sk -u server:x https://127.0.0.1:9345/v1-rke2/readyz").output,
            "Service Unavailable\n");
  EXPECT_TRUE(contains(box_.try_kubectl("get nodes").error_output, "Unauthorized"));
}

}  // namespace
}  // namespace hlid::test
