// Members that leave or are forgotten, in machines that behave like the real ones.
#include "cluster/leave.h"

#include <gtest/gtest.h>

#include "cluster/form.h"
#include "cluster/probe.h"
#include "cluster/quorum.h"
#include "cluster/replace.h"
#include "formed_world.h"

namespace hlid::cluster {
namespace {

using namespace hlid::test;

/// The machine is no longer in the file, as after `count` was lowered.
void drop_from_file(ClusterWorld& world, const std::string& name) {
  std::erase_if(world.lab.machines, [&](const auto& machine) { return machine.name == name; });
}

void expect_gone(ClusterWorld& world, const std::string& name) {
  const auto observed = observe(world.site());
  EXPECT_TRUE(observed.answers);
  EXPECT_EQ(observed.node(name), nullptr);
  EXPECT_EQ(observed.member_of(name), nullptr);
  EXPECT_EQ(world.sim.clusters[0].passwords.count(name), 0u);
}

TEST(Leave, AServerLeavesAndNothingOfItStays) {
  FormedWorld world(3, 1);
  drop_from_file(world, "m-3");
  leave(world.site(), "m-3");
  expect_gone(world, "m-3");
  EXPECT_TRUE(world.machine("m-3").files.empty());
  EXPECT_EQ(observe(world.site()).voters(), 2);
  EXPECT_EQ(world.lowest_margin, 0) << "never fewer voters alive than the quorum needs";
}

TEST(Leave, AnAgentLeaves) {
  FormedWorld world(3, 2);
  drop_from_file(world, "w-2");
  leave(world.site(), "w-2");
  expect_gone(world, "w-2");
  EXPECT_EQ(world.lowest_margin, 1);
}

TEST(Leave, FromThreeServersToOne) {
  for (const char* distribution : {"rke2", "k3s"}) {
    FormedWorld world(3, 1, distribution);
    for (const char* name : {"m-3", "m-2"}) {
      drop_from_file(world, name);
      leave(world.site(), name);
      expect_gone(world, name);
    }
    EXPECT_EQ(observe(world.site()).voters(), 1) << distribution;
    EXPECT_EQ(world.lowest_margin, 0) << distribution;
  }
}

TEST(Leave, TheLastServerIsRefused) {
  FormedWorld world(1, 1);
  EXPECT_THROW(leave(world.site(), "m-1"), Error);
  EXPECT_EQ(observe(world.site()).voters(), 1);
}

TEST(Leave, IsRefusedWhileAnotherServerIsIll) {
  FormedWorld world(3, 0);
  world.sim.kill_all(world.machine("m-2"));
  world.pass(std::chrono::minutes(1));
  try {
    leave(world.site(), "m-3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.message(), "m-2")) << error.message();
  }
  EXPECT_NE(observe(world.site()).member_of("m-3"), nullptr);
}

TEST(Leave, TwiceIsOnce) {
  FormedWorld world(3, 1);
  drop_from_file(world, "w-1");
  leave(world.site(), "w-1");
  const auto before = world.machine("w-1").files;
  leave(world.site(), "w-1");
  EXPECT_EQ(world.machine("w-1").files, before);
  expect_gone(world, "w-1");
}

TEST(Leave, AMachineThatIsOffIsForgotten) {
  FormedWorld world(3, 1);
  world.sim.cut_power(world.machine("m-3"));
  world.pass(std::chrono::minutes(1));
  drop_from_file(world, "m-3");
  leave(world.site(), "m-3");
  expect_gone(world, "m-3");
}

TEST(Leave, AGhostMemberIsRemovedByItsId) {
  FormedWorld world(3, 0);
  world.sim.ghosts = true;
  drop_from_file(world, "m-3");
  leave(world.site(), "m-3");
  expect_gone(world, "m-3");
}

TEST(Forget, TheFirstMasterIsNoException) {
  FormedWorld world(3, 1);
  world.sim.cut_power(world.machine("m-1"));
  world.pass(std::chrono::minutes(2));
  forget(world.site(), "m-1");
  expect_gone(world, "m-1");
  world.sim.rebuild(world.machine("m-1"));
  world.pass(std::chrono::minutes(1));
  join(world.site(), "m-1", kMaterials);
  const auto observed = observe(world.site());
  EXPECT_EQ(observed.voters(), 3);
  EXPECT_TRUE(ill_servers(observed).empty());
  EXPECT_EQ(world.sim.clusters.size(), 1u) << "no second cluster";
}

TEST(Forget, AWellMachineIsRefused) {
  FormedWorld world(3, 1);
  EXPECT_THROW(forget(world.site(), "m-2"), Error);
  EXPECT_THROW(forget(world.site(), "w-1"), Error);
  EXPECT_EQ(observe(world.site()).nodes.size(), 4u);
}

TEST(Forget, ASilentOneLosesItsPowerFirst) {
  FormedWorld world(3, 0);
  world.machine("m-2").silent = true;
  forget(world.site(), "m-2");
  EXPECT_FALSE(world.machine("m-2").running);
  expect_gone(world, "m-2");
}

TEST(Forget, WithoutQuorumItPointsToRestore) {
  FormedWorld world(3, 0);
  world.sim.cut_power(world.machine("m-1"));
  world.sim.cut_power(world.machine("m-2"));
  world.pass(std::chrono::minutes(2));
  try {
    forget(world.site(), "m-1");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.hint(), "restore")) << error.hint();
  }
}

/// Killed at each call in turn and asked again: it ends the same way, and the quorum was never in danger.
void killed_everywhere(const std::string& name, const std::string& distribution, int servers) {
  for (int at = 1;; ++at) {
    FormedWorld world(servers, 1, distribution);
    drop_from_file(world, name);
    (at % 2 ? world.kill_before : world.kill_after) = (at + 1) / 2;
    bool killed = false;
    try {
      leave(world.site(), name);
    } catch (const Killed&) {
      killed = true;
    }
    world.kill_before.reset();
    world.kill_after.reset();
    if (killed) leave(world.site(), name);
    expect_gone(world, name);
    EXPECT_TRUE(world.machine(name).files.empty()) << "killed at " << at;
    ASSERT_GE(world.lowest_margin, 0) << "killed at " << at;
    if (!killed) return;
  }
}

TEST(Leave, KilledAnywhereAServerLeavesAllTheSame) {
  killed_everywhere("m-3", "rke2", 3);
  killed_everywhere("m-2", "rke2", 2);
  killed_everywhere("m-2", "k3s", 2);
}

TEST(Leave, KilledAnywhereAnAgentLeavesAllTheSame) {
  killed_everywhere("w-1", "rke2", 3);
}

}  // namespace
}  // namespace hlid::cluster
