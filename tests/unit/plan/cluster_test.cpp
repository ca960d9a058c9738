// What a plan does with the cluster, on a simulated one that refuses what etcd and Kubernetes refuse.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/plan_cluster.h"

namespace hlid::plan {
namespace {

using test::cluster_lab;
using test::formed;
using test::FormedLab;

constexpr const char* kMaster1 = "valaskjalf-master-1";
constexpr const char* kMaster2 = "valaskjalf-master-2";
constexpr const char* kMaster3 = "valaskjalf-master-3";
constexpr const char* kWorker1 = "valaskjalf-worker-1";
constexpr const char* kWorker3 = "valaskjalf-worker-3";

std::size_t place(const Plan& plan, const std::string& id) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (plan.steps[i].id == id) return i;
  ADD_FAILURE() << "no step " << id << " in\n" << render(plan);
  return plan.steps.size();
}

bool has(const Plan& plan, const std::string& id) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [&](const auto& step) { return step.id == id; });
}

/// Whether one step must end before another begins.
bool precedes(const Plan& plan, const std::string& before, const std::string& after) {
  std::vector<bool> reached(plan.steps.size() + 1);
  reached[place(plan, before)] = true;
  for (std::size_t i = 0; i < plan.steps.size(); ++i)  // edges only go forward
    for (const auto& [from, to] : plan.edges)
      if (from == i && reached[from]) reached[to] = true;
  return reached[place(plan, after)];
}

std::string code_of_refusal(const Plan& plan) {
  return plan.refusals.empty() ? "" : plan.refusals.front().code;
}

TEST(Forming, OneServerFoundsAndTheOthersJoinSideBySide) {
  const auto plan = FormedLab(cluster_lab()).plan();
  const auto form = std::string("form-cluster ") + kMaster1;
  for (const char* master : {kMaster1, kMaster2, kMaster3})
    EXPECT_TRUE(precedes(plan, std::string("wait-ready ") + master, form)) << "all servers are seen first";
  EXPECT_FALSE(precedes(plan, std::string("wait-ready ") + kWorker1, form)) << "agents are not waited for";
  for (const char* name : {kMaster2, kMaster3, kWorker1}) {
    EXPECT_TRUE(precedes(plan, form, std::string("join-cluster ") + name));
    EXPECT_TRUE(precedes(plan, std::string("install-release ") + name, std::string("join-cluster ") + name));
  }
  EXPECT_FALSE(
      precedes(plan, std::string("join-cluster ") + kMaster2, std::string("join-cluster ") + kMaster3));
  EXPECT_FALSE(
      precedes(plan, std::string("join-cluster ") + kMaster2, std::string("join-cluster ") + kWorker1));
  EXPECT_FALSE(has(plan, "fetch-release rke2 v1.34.1+rke2r1")) << "it is at hand";
}

TEST(Forming, OlderReleasesJoinOneAfterTheOther) {
  FormedLab world(cluster_lab());
  world.options.cluster.servers_join_together = false;
  EXPECT_TRUE(precedes(world.plan(), std::string("join-cluster ") + kMaster2,
                       std::string("join-cluster ") + kMaster3));
}

TEST(Forming, WhatMustBeFetchedIsFetchedWhileMachinesAreMade) {
  FormedLab world(cluster_lab());
  world.options.cluster.at_hand = false;
  const auto plan = world.plan();
  const std::string fetch = "fetch-release rke2 v1.34.1+rke2r1";
  EXPECT_TRUE(precedes(plan, fetch, std::string("install-release ") + kWorker1));
  for (const auto& [before, after] : plan.edges) EXPECT_NE(plan.steps[after].id, fetch);
}

TEST(Forming, ASecondRunChangesNothing) {
  const auto world = formed(cluster_lab());
  EXPECT_TRUE(world->plan().empty()) << render(world->plan());
  EXPECT_EQ(world->cluster.members().size(), 3U);
}

TEST(Forming, LabelsOfTheFileAreRecordedOnNewNodes) {
  auto lab = cluster_lab();
  lab.machines[3].labels = {{"tier", "web"}};
  const auto world = formed(lab);
  EXPECT_TRUE(world->plan().empty()) << render(world->plan());
}

TEST(Waiting, MachinesAreMadeAndTheClusterWaits) {
  FormedLab world(cluster_lab());
  world.options.cluster.at_hand = false;
  world.options.cluster.missing = {"v1.34.1+rke2r1 cannot be had", {"one way", "another"}};
  const auto plan = world.plan();
  EXPECT_TRUE(has(plan, std::string("wait-ready ") + kWorker3));
  EXPECT_TRUE(std::none_of(plan.steps.begin(), plan.steps.end(),
                           [](const auto& step) { return phase_of(step.kind) == Phase::cluster; }));
  ASSERT_EQ(plan.waiting.size(), 1U);
  EXPECT_EQ(plan.waiting[0].code, "release-not-reached");
  EXPECT_EQ(plan.waiting[0].steps.size(), 15U);  // fetch, 6 × install, form, 5 × join, 2 × settle
  world.run(plan);
  EXPECT_TRUE(world.plan().steps.empty());
  EXPECT_FALSE(world.plan().empty());
  world.options.cluster.missing.reset();
  EXPECT_TRUE(world.up().empty());
}

TEST(Waiting, AClusterThatIsWholeNeedsNoFiles) {
  const auto world = formed(cluster_lab());
  world->options.cluster.at_hand = false;
  world->options.cluster.missing = {"nothing can be had", {}};
  EXPECT_TRUE(world->plan().empty());
}

TEST(Seeing, AfterAPowerCutMachinesAreStartedAndLookedAtAgain) {
  const auto world = formed(cluster_lab());
  for (const auto& machine : world->lab.machines) world->cluster.power_cut(machine.name);
  const auto plan = world->plan();
  EXPECT_TRUE(plan.look_again);
  EXPECT_FALSE(has(plan, std::string("form-cluster ") + kMaster1)) << "nothing is founded unseen";
  EXPECT_TRUE(world->up().empty());
}

TEST(Seeing, NothingIsFoundedWhileAServerIsSilent) {
  const auto world = formed(cluster_lab());
  for (const char* master : {kMaster1, kMaster2, kMaster3}) world->cluster.make_silent(master);
  const auto plan = world->plan();
  EXPECT_TRUE(plan.look_again);
  EXPECT_TRUE(has(plan, std::string("wait-ready ") + kMaster2));
  EXPECT_FALSE(has(plan, std::string("form-cluster ") + kMaster1));
}

TEST(Seeing, AClusterThatStoppedIsWokenOnAllThatHaveItsData) {
  const auto world = formed(cluster_lab());
  for (const char* master : {kMaster1, kMaster2, kMaster3}) world->cluster.stop_service(master);
  const auto plan = world->plan();
  for (const char* master : {kMaster1, kMaster2, kMaster3})
    EXPECT_TRUE(has(plan, std::string("form-cluster ") + master));
  EXPECT_FALSE(
      precedes(plan, std::string("form-cluster ") + kMaster1, std::string("form-cluster ") + kMaster2));
}

TEST(Repair, AStoppedServerIsStartedAndAwaited) {
  const auto world = formed(cluster_lab());
  world->cluster.power_cut(kMaster2);
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, std::string("wait-ready ") + kMaster2, std::string("join-cluster ") + kMaster2));
  const auto& install = plan.steps[place(plan, std::string("install-release ") + kMaster2)];
  EXPECT_EQ(install.details.at("if_bare"), "1") << "what is in it does not show yet";
  EXPECT_TRUE(world->up().empty());
}

TEST(Repair, AServerThatIsGoneIsMadeAnewAndJoins) {
  const auto world = formed(cluster_lab());
  world->cluster.destroy(kMaster1);
  EXPECT_TRUE(has(world->plan(), std::string("join-cluster ") + kMaster1));
  EXPECT_FALSE(has(world->plan(), std::string("form-cluster ") + kMaster1)) << "no second cluster";
  EXPECT_TRUE(world->up().empty());
  EXPECT_EQ(world->cluster.members().size(), 3U);
}

TEST(Repair, BeforeAnythingElseIsTakenAway) {
  const auto world = formed(cluster_lab());
  world->cluster.power_cut(kMaster3);
  world->lab.machines[0].cores = 8;
  EXPECT_TRUE(
      precedes(world->plan(), std::string("join-cluster ") + kMaster3, std::string("drain ") + kMaster1));
  EXPECT_TRUE(world->up().empty());
}

TEST(Restarting, MembersAreDrainedAndReturnOneByOne) {
  const auto world = formed(cluster_lab());
  for (auto& machine : world->lab.machines) machine.cores = 8;
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, std::string("return ") + kMaster2, std::string("drain ") + kMaster3));
  EXPECT_TRUE(precedes(plan, std::string("return ") + kMaster2, std::string("drain ") + kMaster1))
      << "the leader last";
  EXPECT_TRUE(world->up().empty());
}

TEST(Replacing, AServerLeavesBeforeItsMachineGoesAndIsBackBeforeTheNext) {
  const auto world = formed(cluster_lab());
  world->options.replace = {kMaster2, kMaster3};
  world->options.allow = {std::string("replace=") + kMaster2, std::string("replace=") + kMaster3};
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, std::string("leave ") + kMaster2, std::string("shutdown ") + kMaster2));
  EXPECT_TRUE(precedes(plan, std::string("join-cluster ") + kMaster2, std::string("leave ") + kMaster3));
  world->run(plan);
  world->options.replace.clear();
  EXPECT_TRUE(world->plan().empty()) << render(world->plan());
}

TEST(Replacing, ADeadServerIsForgottenFirst) {
  const auto world = formed(cluster_lab());
  world->cluster.power_cut(kMaster1);
  world->options.replace = {kMaster1};
  world->options.allow = {std::string("replace=") + kMaster1};
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, std::string("forget ") + kMaster1, std::string("clone ") + kMaster1));
  EXPECT_TRUE(precedes(plan, std::string("clone ") + kMaster1, std::string("join-cluster ") + kMaster1));
  world->run(plan);
  world->options.replace.clear();
  EXPECT_TRUE(world->plan().empty());
}

TEST(Replacing, ALivingServerGoesWhenTheDeadOneIsBack) {
  const auto world = formed(cluster_lab());
  world->cluster.power_cut(kMaster3);
  world->options.replace = {kMaster2, kMaster3};
  world->options.allow = {std::string("replace=") + kMaster2, std::string("replace=") + kMaster3};
  world->lab.cluster->version = test::kNextRelease;
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, std::string("join-cluster ") + kMaster3, std::string("upgrade ") + kMaster1));
  EXPECT_TRUE(precedes(plan, std::string("upgrade ") + kMaster1, std::string("leave ") + kMaster2));
}

TEST(Replacing, TheOnlyServerIsRefused) {
  const auto world = formed(cluster_lab(1, 1));
  world->options.replace = {kMaster1};
  world->options.allow = {std::string("replace=") + kMaster1};
  EXPECT_EQ(code_of_refusal(world->plan()), "last-server");
}

TEST(Shrinking, AnAgentLeavesBeforeItsMachineGoes) {
  const auto world = formed(cluster_lab());
  world->lab.machines.pop_back();
  world->cluster.look();
  ASSERT_EQ(world->plan().held.size(), 3U);
  EXPECT_EQ(world->plan().held[0].kind, StepKind::leave_cluster);
  world->options.allow = {std::string("destroy=") + kWorker3};
  EXPECT_TRUE(precedes(world->plan(), std::string("leave ") + kWorker3, std::string("shutdown ") + kWorker3));
  EXPECT_TRUE(world->up().empty());
  EXPECT_FALSE(world->cluster.is_node(kWorker3));
}

TEST(Shrinking, ServersLeaveOneByOne) {
  const auto world = formed(cluster_lab(5, 1));
  world->lab = cluster_lab(3, 1);
  world->cluster.look();
  world->options.allow = {"destroy=valaskjalf-master-4", "destroy=valaskjalf-master-5"};
  EXPECT_TRUE(precedes(world->plan(), "leave valaskjalf-master-4", "leave valaskjalf-master-5"));
  EXPECT_TRUE(world->up().empty());
  EXPECT_EQ(world->cluster.members().size(), 3U);
}

TEST(Shrinking, ACutOffClusterLosesNobody) {
  const auto world = formed(cluster_lab());
  for (const char* master : {kMaster1, kMaster2}) world->cluster.stop_service(master);
  world->lab.machines.erase(world->lab.machines.begin() + 2);
  world->options.allow = {std::string("destroy=") + kMaster3};
  world->cluster.look();
  EXPECT_EQ(code_of_refusal(world->plan()), "cluster-silent");
}

void rename_servers(model::Homelab& lab) {
  for (auto& machine : lab.machines)
    if (machine.role == model::Role::server) {
      machine.name = "valaskjalf-server-" + std::to_string(machine.number);
      machine.group = "server";
    }
}

TEST(Renaming, ServersGiveTheirPlacesOneByOne) {
  const auto world = formed(cluster_lab());
  rename_servers(world->lab);
  world->cluster.look();
  world->options.allow = {std::string("destroy=") + kMaster1, std::string("destroy=") + kMaster2,
                          std::string("destroy=") + kMaster3};
  EXPECT_TRUE(world->up().empty());
  EXPECT_EQ(world->cluster.members(),
            (std::set<std::string>{"valaskjalf-server-1", "valaskjalf-server-2", "valaskjalf-server-3"}));
}

TEST(Renaming, WithPlacesOfTheirOwnTheNewOnesComeFirst) {
  const auto world = formed(cluster_lab());
  rename_servers(world->lab);
  for (int i = 0; i < 3; ++i) {
    world->lab.machines[static_cast<std::size_t>(i)].vmid = Vmid{1021 + i};
    world->lab.machines[static_cast<std::size_t>(i)].address.address =
        world->lab.network.cidr.network() + static_cast<std::uint32_t>(121 + i);
  }
  world->cluster.look();
  world->options.allow = {std::string("destroy=") + kMaster1, std::string("destroy=") + kMaster2,
                          std::string("destroy=") + kMaster3};
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, "join-cluster valaskjalf-server-3", std::string("leave ") + kMaster1));
  EXPECT_TRUE(world->up().empty());
}

TEST(Growing, NewServersJoinAndNothingRestarts) {
  const auto world = formed(cluster_lab(1, 1));
  world->lab = cluster_lab(3, 2);
  world->cluster.look();
  const auto plan = world->plan();
  EXPECT_EQ(plan.worst(), model::Disruption::none);
  EXPECT_TRUE(has(plan, std::string("join-cluster ") + kMaster3));
  EXPECT_TRUE(world->up().empty());
}

TEST(Configuring, ServersTakeTurnsTheLeaderLastThenAgents) {
  const auto world = formed(cluster_lab());
  world->lab.cluster->tls_san = {"odin.lan"};
  world->cluster.look();
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, std::string("reconfigure ") + kMaster2, std::string("reconfigure ") + kMaster3));
  EXPECT_TRUE(precedes(plan, std::string("reconfigure ") + kMaster3, std::string("reconfigure ") + kMaster1));
  EXPECT_TRUE(precedes(plan, std::string("reconfigure ") + kMaster1, std::string("reconfigure ") + kWorker1));
  EXPECT_TRUE(world->up().empty());
}

TEST(Upgrading, SnapshotThenServersOneByOneThenAgents) {
  const auto world = formed(cluster_lab());
  world->lab.cluster->version = test::kNextRelease;
  const auto plan = world->plan();
  EXPECT_TRUE(precedes(plan, "snapshot-cluster valaskjalf", std::string("upgrade ") + kMaster2));
  EXPECT_TRUE(precedes(plan, std::string("upgrade ") + kMaster2, std::string("upgrade ") + kMaster3));
  EXPECT_TRUE(precedes(plan, std::string("upgrade ") + kMaster3, std::string("upgrade ") + kMaster1));
  EXPECT_TRUE(precedes(plan, std::string("upgrade ") + kMaster1, std::string("upgrade ") + kWorker1));
  EXPECT_EQ(plan.steps[place(plan, std::string("upgrade ") + kWorker1)].resource, "members:agents");
  EXPECT_TRUE(world->up().empty());
  EXPECT_EQ(world->cluster.runs(kWorker3), test::kNextRelease);
}

TEST(Upgrading, GoesOnWhereItStopped) {
  const auto world = formed(cluster_lab());
  world->lab.cluster->version = test::kNextRelease;
  world->options.most_upgrades = 1;
  int runs = 0;
  while (!world->plan().empty() && runs < 10) world->run(world->plan()), ++runs;
  EXPECT_EQ(runs, 6) << "one member at a time";
  EXPECT_EQ(world->cluster.snapshots(), 3) << "before each server";
}

TEST(Upgrading, NewMembersComeWithTheNewRelease) {
  const auto world = formed(cluster_lab(3, 1));
  world->lab = cluster_lab(3, 2);
  world->lab.cluster->version = test::kNextRelease;
  world->cluster.look();
  EXPECT_TRUE(
      precedes(world->plan(), std::string("upgrade ") + kMaster1, "join-cluster valaskjalf-worker-2"));
  EXPECT_TRUE(world->up().empty());
}

TEST(Upgrading, AForbiddenWayIsRefusedAsAWhole) {
  const auto world = formed(cluster_lab());
  world->lab.cluster->version = "v1.36.0+rke2r1";
  world->options.cluster.upgrade_refused = {"v1.35 cannot be skipped"};
  EXPECT_EQ(code_of_refusal(world->plan()), "upgrade-path");
}

TEST(Refusals, EvenServersAndNone) {
  EXPECT_EQ(code_of_refusal(FormedLab(cluster_lab(2, 1)).plan()), "servers-even");
  EXPECT_EQ(code_of_refusal(FormedLab(cluster_lab(0, 1)).plan()), "no-server");
}

TEST(Refusals, AServerIsNotTakenAwayBesideOneThatStaysIll) {
  const auto world = formed(cluster_lab());
  world->lab = cluster_lab(1, 3);
  world->lab.machines[0].cores = 8;
  world->cluster.power_cut(kMaster3);  // not in the file, and held for consent
  EXPECT_EQ(code_of_refusal(world->plan()), "quorum");
  world->options.allow = {std::string("destroy=") + kMaster2, std::string("destroy=") + kMaster3};
  EXPECT_TRUE(world->up().empty());
}

TEST(Refusals, AnotherRole) {
  const auto world = formed(cluster_lab(3, 2));
  world->lab.machines.back().role = model::Role::server;
  world->lab.machines[3].role = model::Role::server;
  EXPECT_EQ(code_of_refusal(world->plan()), "role-changed");
}

TEST(Refusals, TwoClusters) {
  const auto world = formed(cluster_lab());
  world->there.cluster->machines[1].ca_hash = "another";
  EXPECT_EQ(code_of_refusal(world->plan()), "two-clusters");
}

TEST(Destroying, AllOfItNeedsNoFarewell) {
  const auto world = formed(cluster_lab());
  const auto plan = make_destroy_plan(world->lab, world->there, {});
  EXPECT_TRUE(std::none_of(plan.steps.begin(), plan.steps.end(),
                           [](const auto& step) { return step.kind == StepKind::leave_cluster; }));
}

TEST(Destroying, OneByNameLeavesFirst) {
  const auto world = formed(cluster_lab());
  const auto plan = make_destroy_plan(world->lab, world->there, {{kWorker1}, false, {}});
  EXPECT_TRUE(precedes(plan, std::string("leave ") + kWorker1, std::string("shutdown ") + kWorker1));
}

}  // namespace
}  // namespace hlid::plan
