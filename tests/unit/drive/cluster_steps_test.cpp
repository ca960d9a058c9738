// Plans of a lab with a cluster, done step by step on fakes from the API down to the machines.
#include <gtest/gtest.h>

#include "drive/former_machines.h"
#include "unit/drive/cluster_lab.h"

namespace hlid::drive {
namespace {

bool has(const plan::Plan& plan, const std::string& id) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const auto& step) { return step.id == id; });
}

class ClusterStepsTest : public ::testing::Test, protected ClusterBench {
 protected:
  void up() { run(plan()); }
};

TEST_F(ClusterStepsTest, FromNothingToAClusterThatASecondRunLeavesAlone) {
  up();
  const auto there = observe();
  ASSERT_TRUE(there.cluster && there.cluster->answers);
  EXPECT_EQ(there.cluster->voters(), 3);
  EXPECT_EQ(there.cluster->nodes.size(), 4U);
  const auto again = plan();
  EXPECT_TRUE(again.empty()) << render(again);
}

TEST_F(ClusterStepsTest, TheReleaseIsUploadedOnceAndRemovedWhenNobodyHasIt) {
  up();
  EXPECT_EQ(std::count_if(pve.volumes.begin(), pve.volumes.end(),
                          [](const auto& volume) { return contains(volume, "iso/hlid-lab-rke2-1.34.1"); }),
            1);
  shelf.remove_unused(session);
  for (const auto& volume : pve.volumes) EXPECT_FALSE(contains(volume, ":iso/")) << volume;
}

TEST_F(ClusterStepsTest, AnAgentLeavesBeforeItIsDestroyed) {
  up();
  world.lab.machines.pop_back();
  plan::Options options;
  options.allow = {"destroy=w-1"};
  const auto leaving = plan(options);
  ASSERT_TRUE(has(leaving, "leave w-1")) << render(leaving);
  run(leaving);
  EXPECT_EQ(observe().cluster->node("w-1"), nullptr);
  EXPECT_TRUE(plan().empty()) << render(plan());
}

TEST_F(ClusterStepsTest, MembersThatTheFileDoesNotNameAreSeen) {
  up();
  world.lab.machines[2].name = "s-3";
  const auto there = observe();
  ASSERT_EQ(seen.former.size(), 1U);
  EXPECT_EQ(seen.former[0].name, "m-3");
  EXPECT_EQ(seen.former[0].role, model::Role::server);
  EXPECT_TRUE(there.cluster->machine("m-3") != nullptr && there.cluster->machine("m-3")->active);
}

TEST_F(ClusterStepsTest, AClusterOfOtherNamesIsNotFoundedAgain) {
  up();
  for (auto& machine : world.lab.machines) {
    machine.name = "n" + machine.name;
    machine.vmid = {machine.vmid.value + 50};
    machine.address.address = machine.address.address + 50U;
  }
  const auto renamed = plan();
  EXPECT_FALSE(has(renamed, "form-cluster nm-1")) << render(renamed);
  EXPECT_TRUE(has(renamed, "join-cluster nm-1"));
  EXPECT_TRUE(std::any_of(renamed.held.begin(), renamed.held.end(),
                          [](const auto& step) { return step.id == "leave m-1"; }));
}

TEST_F(ClusterStepsTest, AServerThatWasOffComesBack) {
  up();
  pve.guests[1002].running = false;
  run(plan());
  EXPECT_TRUE(plan().empty()) << render(plan());
}

TEST_F(ClusterStepsTest, AMemberIsDrainedAndReturnsAroundARestart) {
  up();
  world.lab.machines[1].cores = 4;
  const auto restart = plan();
  ASSERT_TRUE(has(restart, "drain m-2") && has(restart, "return m-2"));
  for (const auto& step : restart.steps) {
    run(step);
    if (step.id == "drain m-2") {
      EXPECT_TRUE(observe().cluster->node("m-2")->cordoned);
    }
  }
  EXPECT_FALSE(observe().cluster->node("m-2")->cordoned);
}

TEST_F(ClusterStepsTest, WithoutItsFilesTheClusterWaitsAndTheMachinesAreMade) {
  world.lab.cluster->artifacts.clear();
  internet.otherwise([](const auto&) -> net::HttpResponse { throw Error(Errc::io, "no route"); });
  const auto waiting = plan();
  ASSERT_EQ(waiting.waiting.size(), 1U);
  EXPECT_TRUE(contains(waiting.waiting[0].text, "rke2.linux-amd64.tar.gz")) << waiting.waiting[0].text;
  EXPECT_GE(waiting.waiting[0].hints.size(), 1U);
  run(waiting);
  EXPECT_TRUE(plan().steps.empty());
  EXPECT_FALSE(plan().empty());
}

class ClusterGoalTest : public ::testing::Test, protected ClusterBench {};

TEST_F(ClusterGoalTest, FilesAreAtHandWithoutTheNetwork) {
  const auto goal = cluster_goal(world.lab, std::nullopt, releases(), true);
  EXPECT_EQ(goal.version, kRelease);
  EXPECT_TRUE(goal.at_hand);
  EXPECT_FALSE(goal.missing);
  EXPECT_TRUE(internet.requests().empty());
}

TEST_F(ClusterGoalTest, WhatCanBeFetchedIsNotMissing) {
  world.lab.cluster->artifacts.clear();
  internet.otherwise([](const auto&) { return net::HttpResponse{200, "OK", {}, ""}; });
  EXPECT_FALSE(cluster_goal(world.lab, std::nullopt, releases(), false).at_hand);
  EXPECT_TRUE(internet.requests().empty()) << "not asked without 'reach'";
}

TEST_F(ClusterGoalTest, OlderServersJoinInTurn) {
  world.lab.cluster->artifacts.clear();
  world.lab.cluster->version = "v1.26.4+rke2r1";
  EXPECT_FALSE(cluster_goal(world.lab, std::nullopt, releases(), false).servers_join_together);
  world.lab.cluster->version = "v1.27.1+rke2r1";
  EXPECT_TRUE(cluster_goal(world.lab, std::nullopt, releases(), false).servers_join_together);
}

TEST_F(ClusterGoalTest, AWholeClusterNeedsNoFiles) {
  run(plan());
  world.lab.cluster->artifacts.clear();
  const auto goal = cluster_goal(world.lab, observe().cluster, releases(), true);
  EXPECT_TRUE(goal.at_hand && !goal.missing);
}

TEST_F(ClusterGoalTest, AWayThatIsForbiddenIsSaid) {
  run(plan());
  world.lab.cluster->version = "v1.36.0+rke2r1";
  EXPECT_FALSE(cluster_goal(world.lab, observe().cluster, releases(), false).upgrade_refused.empty());
}

TEST(FormerMachines, AreOursWhichTheFileDoesNotName) {
  auto lab = small_lab();
  model::Observed there;
  const auto add = [&](const std::string& name, std::vector<std::string> tags) {
    model::ObservedMachine machine;
    machine.name = name;
    machine.uuid = machine_uuid(lab.name, name).text;
    machine.tags = std::move(tags);
    there.machines.push_back(machine);
  };
  add("lab-web-1", {"hlid", "lab"});
  add("lab-web-3", {"hlid", "lab"});
  add("nas", {});
  add("base", {"hlid", "lab"});
  const auto former = former_machines(lab, there);
  ASSERT_EQ(former.size(), 1U);
  EXPECT_EQ(former[0].name, "lab-web-3");
  EXPECT_TRUE(former_members(former, {}).empty()) << "it is no member";
  EXPECT_EQ(with_former(lab, former).machines.size(), 3U);
}

}  // namespace
}  // namespace hlid::drive
