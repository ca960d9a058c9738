// Lost quorums and the past wanted back, in machines that behave like the real ones.
#include "cluster/restore.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "change_scripts.h"
#include "cluster/probe.h"
#include "cluster/quorum.h"
#include "observed_builder.h"

namespace hlid::cluster {
namespace {

using namespace hlid::test;

class RestoringWorld : public ChangingWorld {
 public:
  using ChangingWorld::ChangingWorld;

  Bundle snapshot() { return take_snapshot(site(), bundles.path()); }
  void go(const std::optional<std::filesystem::path>& bundle, const std::string& on = {}) {
    restore(site(), {bundle, on, {}});
  }
  /// A mark that tells this state of the cluster from another.
  void mark(const std::string& value) { live().nodes["m-1"].annotations["mark"] = value; }
  SimCluster& live() {
    for (std::size_t i = sim.clusters.size(); i-- > 0;)
      if (sim.quorum(static_cast<int>(i))) return sim.clusters[i];
    ADD_FAILURE() << "no cluster has a quorum";
    return sim.clusters.back();
  }
  void lose(const std::vector<std::string>& names) {
    for (const auto& name : names) sim.cut_power(machine(name));
    pass(std::chrono::minutes(2));
  }
  /// As the machines' part of `up` leaves them.
  void rebuild(const std::vector<std::string>& names) {
    for (const auto& name : names) sim.rebuild(machine(name));
    pass(std::chrono::minutes(1));
  }
  void expect_whole(int voters) {
    const auto observed = observe(site());
    ASSERT_TRUE(observed.answers);
    EXPECT_EQ(observed.voters(), voters);
    EXPECT_EQ(ill_servers(observed), std::vector<std::string>{});
    for (const auto& node : observed.nodes) EXPECT_TRUE(node.ready) << node.name << node.not_ready_because;
    int with_quorum = 0;
    for (std::size_t i = 0; i < sim.clusters.size(); ++i)
      with_quorum += sim.quorum(static_cast<int>(i)) ? 1 : 0;
    EXPECT_EQ(with_quorum, 1) << "exactly one cluster";
    EXPECT_TRUE(aside.empty()) << "old data is not kept for ever";
    EXPECT_TRUE(resets.empty());
  }

  sys::TempFolder bundles;
};

TEST(Restore, BringsThePastBack) {
  RestoringWorld world(3, 2);
  world.mark("before");
  const auto bundle = world.snapshot();
  world.mark("after");
  world.go(bundle.file);
  world.expect_whole(3);
  EXPECT_EQ(world.live().nodes["m-1"].annotations["mark"], "before");
}

TEST(Restore, OneOfThreeIsEnoughWithoutABundle) {
  RestoringWorld world(3, 2);
  world.mark("now");
  world.lose({"m-1", "m-2"});
  world.rebuild({"m-1", "m-2"});
  world.go(std::nullopt);
  world.expect_whole(3);
  EXPECT_EQ(world.live().nodes["m-1"].annotations.count("mark"), 0u) << "its Node was made anew";
  EXPECT_EQ(world.live().nodes.size(), 5u);
}

TEST(Restore, TwoOfThreeLostThenABundle) {
  RestoringWorld world(3, 1);
  const auto bundle = world.snapshot();
  world.lose({"m-2", "m-3"});
  world.rebuild({"m-2", "m-3"});
  world.go(bundle.file);
  world.expect_whole(3);
}

TEST(Restore, WithTheTokenOfThatTime) {
  RestoringWorld world(3, 1);
  const auto bundle = world.snapshot();
  const auto old_token = world.live().token;
  world.live().token = "another-token-since";
  for (auto& m : world.sim.machines)
    if (auto& file = m.files[world.sim.under("server/token")]; !file.empty())
      file = replace_all(file, old_token, "another-token-since");
  world.go(bundle.file);
  world.expect_whole(3);
  EXPECT_EQ(world.live().token, old_token);
  EXPECT_TRUE(
      contains(world.machine("w-1").files["/etc/rancher/rke2/config.yaml.d/11-hlid-token.yaml"], old_token));
}

TEST(Restore, ASilentServerForbidsIt) {
  RestoringWorld world(3, 0);
  const auto bundle = world.snapshot();
  world.lose({"m-3"});
  try {
    world.go(bundle.file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.message(), "m-3")) << error.message();
  }
  EXPECT_TRUE(world.sim.quorum(0)) << "nothing was touched";
}

TEST(Restore, AWellClusterIsNotResetForNothing) {
  RestoringWorld world(3, 0);
  EXPECT_THROW(world.go(std::nullopt), Error);
  EXPECT_TRUE(world.sim.quorum(0));
}

TEST(Restore, AResetThatFailsPutsTheOldClusterBack) {
  RestoringWorld world(3, 1);
  const auto bundle = world.snapshot();
  world.mark("kept");
  world.reset_fails = true;
  try {
    world.go(bundle.file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.message(), "snapshot is corrupt")) << error.message();
  }
  world.pass(std::chrono::minutes(3));
  world.expect_whole(3);
  EXPECT_EQ(world.live().nodes["m-1"].annotations["mark"], "kept");
}

TEST(Restore, NodesThatAreNoMachinesAnyMoreAreForgotten) {
  RestoringWorld world(3, 2);
  const auto bundle = world.snapshot();
  world.machine("w-2").running = false;
  std::erase_if(world.lab.machines, [](const auto& machine) { return machine.name == "w-2"; });
  world.pass(std::chrono::minutes(2));
  world.go(bundle.file);
  world.expect_whole(3);
  EXPECT_EQ(world.live().nodes.count("w-2"), 0u);
}

TEST(Restore, AnAgentMadeAnewMeanwhileIsJoined) {
  RestoringWorld world(3, 1);
  const auto bundle = world.snapshot();
  world.rebuild({"w-1"});
  join(world.site(), "w-1", kMaterials);
  EXPECT_EQ(world.sim.clusters.size(), 1u);
  world.go(bundle.file);
  world.expect_whole(3);
}

TEST(Restore, KilledAnywhereAndAskedAgainItEndsWhole) {
  RestoringWorld original(3, 1);
  original.mark("before");
  const auto bundle = original.snapshot();
  for (int at = 1;; at += 2) {
    RestoringWorld world(3, 1);
    world.snapshots = original.snapshots;
    world.mark("after");
    (at % 4 == 1 ? world.kill_before : world.kill_after) = at;
    bool killed = false;
    try {
      world.go(bundle.file);
    } catch (const Killed&) {
      killed = true;
    }
    world.kill_before.reset();
    world.kill_after.reset();
    SCOPED_TRACE(at);
    if (killed) {
      world.pass(std::chrono::seconds(at % 3 * 20));
      world.go(bundle.file);
    }
    world.expect_whole(3);
    EXPECT_EQ(world.live().nodes["m-1"].annotations["mark"], "before");
    if (!killed || HasFailure()) return;
  }
}

TEST(Restore, WithoutABundleToo) {
  for (int at = 1;; at += 2) {
    RestoringWorld world(3, 1);
    world.lose({"m-1", "m-2"});
    world.rebuild({"m-1", "m-2"});
    world.kill_after = at;
    bool killed = false;
    try {
      world.go(std::nullopt);
    } catch (const Killed&) {
      killed = true;
    }
    world.kill_after.reset();
    SCOPED_TRACE(at);
    // Killed after its last act there is nothing left to do, and it says so.
    if (killed && !world.resets.empty()) world.go(std::nullopt);
    if (killed && !world.sim.quorum(0) && world.sim.clusters.size() == 1) world.go(std::nullopt);
    world.expect_whole(3);
    if (!killed || HasFailure()) return;
  }
}

Bundle bundle_of(const std::string& version) {
  Bundle bundle;
  bundle.distribution = "rke2";
  bundle.version = version;
  return bundle;
}

model::Homelab lab_of(const model::ObservedCluster& seen) {
  model::Homelab lab;
  lab.cluster.emplace();
  for (const auto& machine : seen.machines) {
    lab.machines.emplace_back();
    lab.machines.back().name = machine.machine;
    lab.machines.back().role = machine.unit;
  }
  return lab;
}

TEST(RestorePlanTest, OrdersTheMachines) {
  auto seen = cluster_of(3, 1);
  const auto lab = lab_of(seen);
  machine_in(seen, "m-3").installed.clear();
  const auto plan = plan_restore(lab, seen, bundle_of("v1.34.1+rke2r1"), {});
  EXPECT_TRUE(plan.refusals.empty());
  EXPECT_EQ(plan.target, "m-1");
  EXPECT_EQ(plan.rejoin, std::vector<std::string>{"m-2"});
  EXPECT_EQ(plan.agents, std::vector<std::string>{"w-1"});
  EXPECT_EQ(plan.left_to_up, std::vector<std::string>{"m-3"});
}

TEST(RestorePlanTest, NewerDataAndOtherDistributionsAreRefused) {
  const auto seen = cluster_of(3);
  const auto lab = lab_of(seen);
  EXPECT_TRUE(plan_restore(lab, seen, bundle_of("v1.33.9+rke2r1"), {}).refusals.empty());
  EXPECT_FALSE(plan_restore(lab, seen, bundle_of("v1.35.1+rke2r1"), {}).refusals.empty());
  auto other = bundle_of("v1.34.1+rke2r1");
  other.distribution = "k3s";
  EXPECT_FALSE(plan_restore(lab, seen, other, {}).refusals.empty());
}

TEST(RestorePlanTest, WithoutABundleTheTargetNeedsData) {
  auto seen = cluster_of(3);
  const auto lab = lab_of(seen);
  seen.answers = false;
  machine_in(seen, "m-1").has_datastore = false;
  EXPECT_EQ(plan_restore(lab, seen, std::nullopt, {}).target, "m-2");
  EXPECT_FALSE(plan_restore(lab, seen, std::nullopt, {std::nullopt, "m-1"}).refusals.empty());
}

}  // namespace
}  // namespace hlid::cluster
