// Upgrades in machines that behave like the real ones, killed and cut off wherever they can be.
#include "cluster/upgrade.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "change_scripts.h"
#include "cluster/cordon.h"
#include "cluster/probe.h"
#include "cluster/release.h"
#include "cluster/snapshot.h"

namespace hlid::cluster {
namespace {

using namespace hlid::test;

constexpr const char* kNew = "v1.35.1+rke2r1";

ReleaseSet release_of(const std::string& version) {
  ReleaseSet release;
  release.traits = &traits_of("rke2");
  release.version = *Version::parse(version);
  release.kube_vip_image = "docker.io/kube-vip/kube-vip:of-" + version.substr(0, 7);
  return release;
}

/// Looks each second that no rule is broken, ever.
class UpgradingWorld : public ChangingWorld {
 public:
  UpgradingWorld(int servers, int agents, int max_unavailable = 1) : ChangingWorld(servers, agents) {
    lab.cluster->max_unavailable = max_unavailable;
    sim.on_second = [this, max_unavailable, watched = sim.on_second] {
      watched();
      check_skew();
      int away = 0;
      for (const auto& m : sim.machines)
        away += !m.server && m.running && m.state != SimMachine::State::active;
      EXPECT_LE(away, max_unavailable);
    };
  }

  void check_skew() {
    std::optional<Version> lowest;
    for (const auto& m : sim.machines)
      if (m.server && m.process())
        lowest = std::min(lowest.value_or(*Version::parse(m.version)), *Version::parse(m.version));
    for (const auto& m : sim.machines) {
      if (!m.process() || !lowest) continue;
      const auto mine = *Version::parse(m.version);
      EXPECT_LE(mine.minor - lowest->minor, m.server ? 1 : 0) << m.name;
    }
  }
  void expect_all_run(const std::string& version) {
    const auto observed = observe(site());
    ASSERT_TRUE(observed.answers);
    for (const auto& node : observed.nodes) {
      EXPECT_EQ(node.version, version) << node.name;
      EXPECT_TRUE(node.ready) << node.name;
      EXPECT_FALSE(node.cordoned) << node.name;
      EXPECT_EQ(node.labels.count(kParkedLabel), 0u) << node.name;
    }
  }
  Upgraded go(const std::string& version = kNew, const UpgradeOptions& options = {}) {
    return upgrade(site(), release_of(version), bundles.path(), options);
  }

  sys::TempFolder bundles;
};

TEST(Upgrade, TakesAllFromOneMinorToTheNext) {
  UpgradingWorld world(3, 3, 2);
  EXPECT_EQ(world.go(), Upgraded::all);
  world.expect_all_run(kNew);
  const auto bundles = list_bundles(world.bundles.path());
  ASSERT_EQ(bundles.size(), 1u);
  EXPECT_EQ(bundles[0].version, "v1.34.1+rke2r1");
  EXPECT_GE(world.lowest_margin, 0);
  for (const auto* name : {"m-1", "m-2", "m-3"})
    EXPECT_TRUE(contains(world.machine(name).files.at(world.sim.under("server/manifests/kube-vip.yaml")),
                         "of-v1.35.1"))
        << "the VIP's image is the new release's";
}

TEST(Upgrade, AgainChangesNothing) {
  UpgradingWorld world(3, 1);
  world.go();
  std::map<std::string, int> before;
  for (const auto& m : world.sim.machines) before[m.name] = m.invocation;
  EXPECT_EQ(world.go(), Upgraded::all);
  for (const auto& m : world.sim.machines) EXPECT_EQ(m.invocation, before[m.name]) << m.name;
  EXPECT_EQ(list_bundles(world.bundles.path()).size(), 1u);
}

TEST(Upgrade, ASkippedMinorAndADowngradeAreRefusedBeforeAnythingIsTouched) {
  for (const char* version : {"v1.36.1+rke2r1", "v1.33.9+rke2r1"}) {
    UpgradingWorld world(3, 1);
    EXPECT_THROW(world.go(version), Error);
    EXPECT_TRUE(list_bundles(world.bundles.path()).empty());
    for (const auto& m : world.sim.machines) EXPECT_EQ(m.installed, "v1.34.1+rke2r1");
  }
}

TEST(Upgrade, ASingleServerToo) {
  UpgradingWorld world(1, 1);
  world.go();
  world.expect_all_run(kNew);
}

TEST(Upgrade, StopsBetweenMachinesWhenAsked) {
  UpgradingWorld world(3, 1);
  UpgradeOptions options;
  options.go_on = [](const std::string& machine) { return machine != "m-3"; };
  EXPECT_EQ(world.go(kNew, options), Upgraded::paused);
  const auto observed = observe(world.site());
  EXPECT_EQ(observed.node("m-2")->version, kNew);
  EXPECT_EQ(observed.node("m-3")->version, "v1.34.1+rke2r1");
  EXPECT_EQ(world.go(), Upgraded::all);
  world.expect_all_run(kNew);
}

TEST(Upgrade, ANodeThatSomebodyElseCordonedStaysSo) {
  UpgradingWorld world(3, 2);
  world.sim.clusters[0].nodes["w-1"].cordoned = true;
  world.go();
  EXPECT_TRUE(world.sim.clusters[0].nodes["w-1"].cordoned);
  EXPECT_FALSE(world.sim.clusters[0].nodes["w-2"].cordoned);
}

TEST(Upgrade, PodsThatMayNotLeaveAreNamed) {
  UpgradingWorld world(3, 1);
  world.scripts["park"] = [](ClusterWorld&, SimMachine&, const std::vector<std::string>&) {
    return Ran{4, "",
               "evicting pod default/db-0\nerror when evicting pods/\"db-0\": Cannot evict pod as it would "
               "violate the pod's disruption budget."};
  };
  try {
    world.go();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::timeout);
    EXPECT_TRUE(contains(error.message(), "db-0")) << error.message();
  }
  for (const auto& m : world.sim.machines) EXPECT_EQ(m.version, "v1.34.1+rke2r1");
}

TEST(Upgrade, WhoeverElseUpgradesTheClusterIsNamed) {
  UpgradingWorld world(3, 0);
  world.scripts["other-upgraders"] = [](ClusterWorld&, SimMachine&, const std::vector<std::string>&) {
    return Ran{0, "plan.upgrade.cattle.io/server-plan\n", ""};
  };
  try {
    world.go();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.message(), "server-plan")) << error.message();
  }
}

TEST(Upgrade, AServerThatDoesNotComeBackEndsItThere) {
  UpgradingWorld world(3, 1);
  world.machine("m-2").dies_of = "invalid kernel parameter value vm.overcommit_memory=0";
  EXPECT_THROW(world.go(), Error);
  EXPECT_EQ(world.machine("m-3").version, "v1.34.1+rke2r1") << "no other was touched";
  EXPECT_GE(world.lowest_margin, 0);
  world.machine("m-2").dies_of.clear();
  EXPECT_EQ(world.go(), Upgraded::all);
  world.expect_all_run(kNew);
}

TEST(Upgrade, AnAgentIsNeverNewerThanAServer) {
  UpgradingWorld world(3, 1);
  try {
    upgrade_member(world.site(), "w-1", release_of(kNew));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.message(), "m-1")) << error.message();
  }
}

TEST(Upgrade, IsRefusedWhileAServerIsIll) {
  UpgradingWorld world(3, 0);
  world.sim.cut_power(world.machine("m-3"));
  world.pass(std::chrono::minutes(1));
  EXPECT_THROW(upgrade_member(world.site(), "m-1", release_of(kNew)), Error);
  EXPECT_EQ(world.machine("m-1").version, "v1.34.1+rke2r1");
}

/// Until it ends by itself: killed at calls of rapidcheck's choice, or a machine's power is cut there and
/// comes back later, as after a power failure.
RC_GTEST_PROP(UpgradeLaw, InterruptedAnywhereItEndsTheSameAndNeverBreaksARule, ()) {
  UpgradingWorld world(*rc::gen::element(1, 3), *rc::gen::inRange(0, 3), *rc::gen::inRange(1, 3));
  const auto interruptions = *rc::gen::inRange(0, 6);
  for (int i = 0; i < interruptions; ++i) {
    (*rc::gen::arbitrary<bool>() ? world.kill_before : world.kill_after) = *rc::gen::inRange(1, 60);
    try {
      world.go();
    } catch (const Killed&) {
      world.pass(std::chrono::seconds(*rc::gen::inRange(0, 120)));
    }
    world.kill_before.reset();
    world.kill_after.reset();
  }
  RC_ASSERT(world.go() == Upgraded::all);
  world.expect_all_run(kNew);
  if (world.site().servers().size() > 1) RC_ASSERT(world.lowest_margin >= 0);
  RC_ASSERT(!list_bundles(world.bundles.path()).empty());
  RC_ASSERT(list_bundles(world.bundles.path())[0].version == "v1.34.1+rke2r1");
  RC_ASSERT(!::testing::Test::HasFailure());
}

}  // namespace
}  // namespace hlid::cluster
