#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "cluster/cordon.h"
#include "cluster/upgrade.h"
#include "cluster/version.h"
#include "observed_builder.h"

namespace hlid::cluster {
namespace {

using namespace hlid::test;

constexpr const char* kOld = "v1.34.1+rke2r1";
constexpr const char* kNew = "v1.35.1+rke2r1";

model::Homelab lab_of(int servers, int agents, int max_unavailable = 1) {
  model::Homelab lab;
  lab.name = "lab";
  lab.cluster.emplace();
  lab.cluster->max_unavailable = max_unavailable;
  const auto add = [&](const std::string& name, model::Role role) {
    model::Machine machine;
    machine.name = name;
    machine.role = role;
    lab.machines.push_back(machine);
  };
  for (int i = 1; i <= servers; ++i) add("m-" + std::to_string(i), model::Role::server);
  for (int i = 1; i <= agents; ++i) add("w-" + std::to_string(i), model::Role::agent);
  return lab;
}

void now_runs(model::ObservedCluster& seen, const std::string& name, const std::string& version) {
  machine_in(seen, name).installed = machine_in(seen, name).running_version = version;
  node_in(seen, name).version = version;
}

std::vector<std::string> told(const std::vector<UpgradeStep>& steps) {
  std::vector<std::string> lines;
  for (const auto& step : steps)
    lines.push_back(step.kind == UpgradeStep::Kind::snapshot ? "snapshot" : join(step.machines, "+"));
  return lines;
}

using Lines = std::vector<std::string>;

TEST(UpgradeOrder, SnapshotThenServersWithTheLeaderLastThenAgents) {
  const auto steps = upgrade_order(lab_of(3, 3, 2), cluster_of(3, 3), kNew);
  EXPECT_EQ(told(steps), (Lines{"snapshot", "m-2", "m-3", "m-1", "w-1+w-2", "w-3"}));
}

TEST(UpgradeOrder, NothingIsLeftWhereAllRunsIt) {
  EXPECT_TRUE(upgrade_order(lab_of(3, 2), cluster_of(3, 2), kOld).empty());
  auto seen = cluster_of(3, 2);
  node_in(seen, "m-2").ready = false;
  EXPECT_TRUE(upgrade_order(lab_of(3, 2), seen, kOld).empty()) << "an ill server alone is no upgrade";
}

TEST(UpgradeOrder, TheOneThatIsHalfWayComesFirst) {
  auto seen = cluster_of(3, 1);
  now_runs(seen, "m-3", kNew);
  node_in(seen, "m-3").ready = false;
  machine_in(seen, "m-3").supervisor = false;
  EXPECT_EQ(told(upgrade_order(lab_of(3, 1), seen, kNew)), (Lines{"snapshot", "m-3", "m-2", "m-1", "w-1"}));
}

TEST(UpgradeOrder, OneThatIsStillParkedIsNotDone) {
  auto seen = cluster_of(3, 1, kNew);
  node_in(seen, "w-1").labels[kParkedLabel] = "true";
  node_in(seen, "w-1").cordoned = true;
  EXPECT_EQ(told(upgrade_order(lab_of(3, 1), seen, kNew)), (Lines{"w-1"}));
}

TEST(UpgradeOrder, AgentsAloneNeedNoSnapshot) {
  auto seen = cluster_of(3, 1, kNew);
  now_runs(seen, "w-1", kOld);
  EXPECT_EQ(told(upgrade_order(lab_of(3, 1), seen, kNew)), (Lines{"w-1"}));
}

TEST(UpgradeOrder, MachinesThatHaveNotJoinedAreLeftToJoining) {
  EXPECT_EQ(told(upgrade_order(lab_of(3, 2), cluster_of(3, 1), kNew)),
            (Lines{"snapshot", "m-2", "m-3", "m-1", "w-1"}));
}

TEST(UpgradeRules, OneMinorAtATimeAndNeverBack) {
  const auto seen = cluster_of(3, 2);
  EXPECT_TRUE(may_upgrade(seen, "v1.34.1+rke2r1").allowed());
  EXPECT_TRUE(may_upgrade(seen, "v1.34.2+rke2r1").allowed());
  EXPECT_TRUE(may_upgrade(seen, kNew).allowed());
  EXPECT_FALSE(may_upgrade(seen, "v1.36.1+rke2r1").allowed());
  EXPECT_FALSE(may_upgrade(seen, "v1.34.0+rke2r1").allowed());
  EXPECT_FALSE(may_upgrade(seen, "v1.34.1+k3s1").allowed());
  EXPECT_FALSE(may_upgrade(seen, "latest").allowed());
}

TEST(UpgradeRules, AHalfDoneUpgradeGoesOnButNotElsewhere) {
  auto seen = cluster_of(3, 2);
  now_runs(seen, "m-2", kNew);
  EXPECT_TRUE(may_upgrade(seen, kNew).allowed());
  EXPECT_FALSE(may_upgrade(seen, kOld).allowed());
  EXPECT_FALSE(may_upgrade(seen, "v1.36.0+rke2r1").allowed());
}

TEST(UpgradeRules, WhatRunsCountsNotWhatIsInstalled) {
  auto seen = cluster_of(3);
  machine_in(seen, "m-2").installed = "v1.36.1+rke2r1";
  EXPECT_TRUE(may_upgrade(seen, kNew).allowed());
}

/// Following the order from any mixture, interrupted anywhere: servers are never more than one minor apart,
/// no agent is newer than a server, at most one server is away, and the end is that all run the version.
RC_GTEST_PROP(UpgradeLaw, TheOrderKeepsTheSkewAndEnds, ()) {
  const int servers = *rc::gen::element(1, 3, 5);
  const int agents = *rc::gen::inRange(0, 5);
  const int width = *rc::gen::inRange(1, 4);
  auto seen = cluster_of(servers, agents);
  const auto lab = lab_of(servers, agents, width);
  for (int round = 0; round < 40; ++round) {
    const auto steps = upgrade_order(lab, seen, kNew);
    if (steps.empty()) break;
    RC_ASSERT(may_upgrade(seen, kNew).allowed());
    const auto stop_after =
        *rc::gen::inRange<std::size_t>(std::min<std::size_t>(2, steps.size()), steps.size() + 1);
    for (std::size_t i = 0; i < stop_after; ++i) {
      RC_ASSERT(steps[i].machines.size() <= static_cast<std::size_t>(width));
      for (const auto& name : steps[i].machines) now_runs(seen, name, kNew);
      const auto old_server = std::any_of(seen.members.begin(), seen.members.end(), [&](const auto& one) {
        return node_in(seen, one.node).version == kOld;
      });
      const auto new_agent = std::any_of(seen.nodes.begin(), seen.nodes.end(), [&](const auto& one) {
        return !seen.member_of(one.name) && one.version == kNew;
      });
      RC_ASSERT(!(old_server && new_agent));
    }
  }
  RC_ASSERT(upgrade_order(lab, seen, kNew).empty());
  for (const auto& node : seen.nodes) RC_ASSERT(node.version == kNew);
}

}  // namespace
}  // namespace hlid::cluster
