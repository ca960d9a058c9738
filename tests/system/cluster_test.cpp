// The cluster of the file, by the very commands a user types, in real machines with the stand-in for RKE2:
// formed from nothing, found as it should be, changed, upgraded. The cases share one lab and run in their
// order.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <iostream>

#include "cluster_lab.h"
#include "sys/clock.h"

namespace hlid::test {
namespace {

class Cluster : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    lab_ = std::make_unique<ClusterLab>("k8s");
    const auto begin = std::chrono::steady_clock::now();
    try {
      lab_->up();
      up_ = true;
    } catch (const std::exception& error) {
      std::cout << error.what() << std::endl;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::cout << fmt::format("cluster: from nothing to a cluster of 3 servers and 2 agents: {:.0f} s",
                             took.count())
              << std::endl;
  }
  static void TearDownTestSuite() { lab_.reset(); }
  void SetUp() override { ASSERT_TRUE(up_) << "hlid up did not form the cluster"; }

  static void expect_ready() {
    const auto result = lab_->hlid({"cluster", "status", "--check"}, std::chrono::minutes(5));
    EXPECT_TRUE(result.ok()) << result.describe();
  }
  static void expect_nothing_to_do() {
    const auto result = lab_->hlid({"plan", "--check", "--json"}, std::chrono::minutes(5));
    EXPECT_EQ(result.status, 0) << result.output;
  }

  static inline std::unique_ptr<ClusterLab> lab_;
  static inline bool up_ = false;
};

TEST_F(Cluster, A_AllMembersAreReadyAndNothingIsLeftToDo) {
  expect_ready();
  expect_nothing_to_do();
}

TEST_F(Cluster, B_ASecondUpDoesNothing) {
  const auto result = lab_->hlid({"up", "--yes", "--json"});
  EXPECT_TRUE(result.ok()) << result.describe();
  for (const auto& event : json_lines(result.output))
    EXPECT_FALSE(event.as_object().contains("step")) << "a step ran: " << to_text(event);
}

TEST_F(Cluster, C_TheKubeconfigLeadsToTheCluster) {
  const auto result = lab_->hlid({"cluster", "kubeconfig"}, std::chrono::minutes(5));
  EXPECT_TRUE(result.ok()) << result.describe();
  EXPECT_NE(result.output.find(lab_->api_url()), std::string::npos) << result.output;
}

TEST_F(Cluster, D_APatchIsRolledOutWithoutLosingAWriteOrTheQuorum) {
  auto watch = lab_->watch();
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (watch->now().up.size() < 3 && std::chrono::steady_clock::now() < until)
    sys::SystemClock().sleep(std::chrono::seconds(1));
  watch->forget();  // until it had seen each server for the first time
  auto writer = lab_->writer();
  auto shape = lab_->shape();
  shape.version = "v1.34.2+rke2r1";
  lab_->set_shape(shape);
  const auto result = lab_->hlid({"up", "--yes"}, std::chrono::minutes(30));
  EXPECT_TRUE(result.ok()) << result.describe();
  writer->stop();
  EXPECT_TRUE(writer->lost().empty());
  std::cout << fmt::format("cluster: longest pause of a writer during the upgrade: {} ms",
                           writer->longest_pause().count())
            << std::endl;
  EXPECT_EQ(watch->report().below, 0) << watch->report().story;
  expect_ready();
}

TEST_F(Cluster, E_AnAgentLessLeavesBeforeItsMachineGoes) {
  auto shape = lab_->shape();
  shape.agents = 1;
  lab_->set_shape(shape);
  const auto result =
      lab_->hlid({"up", "--yes", "--allow", "destroy=k8s-worker-2"}, std::chrono::minutes(20));
  EXPECT_TRUE(result.ok()) << result.describe();
  expect_ready();
  expect_nothing_to_do();
}

TEST_F(Cluster, F_AnOlderReleaseIsRefused) {
  const auto before = lab_->shape();
  auto shape = before;
  shape.version = "v1.33.9+rke2r1";
  lab_->set_shape(shape);
  const auto result = lab_->hlid({"up", "--yes"}, std::chrono::minutes(5));
  EXPECT_EQ(result.status, 4) << result.describe();
  lab_->set_shape(before);
}

}  // namespace
}  // namespace hlid::test
