// Configuration, tokens, keys and drills, in machines that behave like the real ones.
#include <gtest/gtest.h>

#include "change_scripts.h"
#include "cluster/config.h"
#include "cluster/drill.h"
#include "cluster/probe.h"
#include "cluster/quorum.h"
#include "cluster/reconfigure.h"
#include "cluster/rotate.h"
#include "cluster/snapshot.h"
#include "observed_builder.h"

namespace hlid::cluster {
namespace {

using namespace hlid::test;

void reconfigure_all(ClusterWorld& world) {
  std::vector<std::string> names;
  for (const auto& machine : world.lab.machines) names.push_back(machine.name);
  for (const auto& batch : rolling_order(world.lab, observe(world.site()), names))
    for (const auto& name : batch) reconfigure_member(world.site(), name);
}

/// Runs `work`, killed at the nth call: before it, or after it with its answer lost. Whether it was.
template <typename Work>
bool interrupted(ClusterWorld& world, int at, Work work) {
  (at % 4 == 1 ? world.kill_before : world.kill_after) = at;
  bool killed = false;
  try {
    work();
  } catch (const Killed&) {
    killed = true;
  }
  world.kill_before.reset();
  world.kill_after.reset();
  return killed;
}

void expect_well(ClusterWorld& world) {
  const auto observed = observe(world.site());
  EXPECT_TRUE(observed.answers);
  EXPECT_EQ(ill_servers(observed), std::vector<std::string>{});
  for (const auto& node : observed.nodes) EXPECT_TRUE(node.ready) << node.name;
}

TEST(Reconfigure, RestartsEachOnceAndOnlyWhatMust) {
  FormedWorld world(3, 1);
  world.lab.cluster->tls_san.push_back("cluster.example");
  std::map<std::string, int> before;
  for (const auto& m : world.sim.machines) before[m.name] = m.invocation;
  reconfigure_all(world);
  expect_well(world);
  EXPECT_GE(world.lowest_margin, 0);
  for (const auto& m : world.sim.machines) {
    EXPECT_EQ(m.invocation, before[m.name] + (m.server ? 1 : 0)) << m.name;
    if (m.server) {
      EXPECT_TRUE(contains(m.files.at(config_path("rke2")), "cluster.example"));
    }
  }
  reconfigure_all(world);
  for (const auto& m : world.sim.machines) EXPECT_EQ(m.invocation, before[m.name] + (m.server ? 1 : 0));
}

TEST(Reconfigure, WhatCannotChangeIsRefusedBeforeItIsWritten) {
  FormedWorld world(3, 0);
  world.lab.cluster->pod_network = *parse_cidr("10.50.0.0/16");
  try {
    reconfigure_member(world.site(), "m-2");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.message(), "cluster-cidr")) << error.message();
  }
  EXPECT_FALSE(contains(world.machine("m-2").files.at(config_path("rke2")), "10.50."));
}

TEST(Reconfigure, AnIllServerForbidsWritingOnAnother) {
  FormedWorld world(3, 0);
  world.sim.cut_power(world.machine("m-3"));
  world.pass(std::chrono::minutes(1));
  world.lab.cluster->tls_san.push_back("cluster.example");
  EXPECT_THROW(reconfigure_member(world.site(), "m-2"), Error);
  EXPECT_FALSE(contains(world.machine("m-2").files.at(config_path("rke2")), "cluster.example"));
}

TEST(Reconfigure, KilledAnywhereItGoesOn) {
  for (int at = 1;; at += 2) {
    FormedWorld world(3, 1);
    world.lab.cluster->tls_san.push_back("cluster.example");
    const bool killed = interrupted(world, at, [&] { reconfigure_all(world); });
    SCOPED_TRACE(at);
    if (killed) reconfigure_all(world);
    expect_well(world);
    EXPECT_GE(world.lowest_margin, 0);
    for (const auto* name : {"m-1", "m-2", "m-3"})
      EXPECT_EQ(world.machine(name).files[applied_path("rke2")],
                world.machine(name).files[config_path("rke2")]);
    if (!killed || ::testing::Test::HasFailure()) return;
  }
}

TEST(RollingOrder, LeaderLastAgentsInBatches) {
  auto seen = cluster_of(3, 3);
  model::Homelab lab;
  lab.cluster.emplace();
  lab.cluster->max_unavailable = 2;
  for (const auto& machine : seen.machines) {
    lab.machines.emplace_back();
    lab.machines.back().name = machine.machine;
    lab.machines.back().role = machine.unit;
  }
  using Order = std::vector<std::vector<std::string>>;
  EXPECT_EQ(rolling_order(lab, seen, {"w-3", "w-2", "w-1", "m-1", "m-3"}),
            (Order{{"m-3"}, {"m-1"}, {"w-1", "w-2"}, {"w-3"}}));
  node_in(seen, "m-1").ready = false;
  EXPECT_EQ(rolling_order(lab, seen, {"m-1", "m-3"}), (Order{{"m-1"}, {"m-3"}}));
}

TEST(RotateToken, IsNewEverywhere) {
  ChangingWorld world(3, 2);
  rotate_token(world.site(), Secret("a-new-token-of-mine"));
  expect_well(world);
  EXPECT_EQ(world.sim.clusters[0].token, "a-new-token-of-mine");
  for (const auto& m : world.sim.machines) {
    const auto& file = m.files.at(token_path("rke2"));
    EXPECT_TRUE(contains(file, "::server:a-new-token-of-mine")) << m.name;
    EXPECT_EQ(world.launched_with[m.name].second, file) << m.name << " was started with it";
    EXPECT_EQ(m.files.count(world.sim.under("server/hlid-next-token.json")), 0u);
  }
  EXPECT_GE(world.lowest_margin, 0);
  EXPECT_THROW(rotate_token(world.site(), Secret("short")), Error);
}

TEST(RotateToken, KilledAnywhereNoTokenIsLost) {
  for (int at = 1;; at += 2) {
    ChangingWorld world(3, 1);
    const auto old = world.sim.clusters[0].token;
    const bool killed = interrupted(world, at, [&] { rotate_token(world.site()); });
    SCOPED_TRACE(at);
    if (killed) {
      world.pass(std::chrono::seconds(30));
      rotate_token(world.site());
    }
    expect_well(world);
    const auto& token = world.sim.clusters[0].token;
    EXPECT_NE(token, old);
    for (const auto& m : world.sim.machines)
      EXPECT_TRUE(contains(m.files.at(token_path("rke2")), token)) << m.name;
    EXPECT_GE(world.lowest_margin, 0);
    if (!killed || ::testing::Test::HasFailure()) return;
  }
}

/// Certificates and keys of the simulation: what was renewed when, and who has which keys.
class KeysWorld : public ChangingWorld {
 public:
  KeysWorld(int servers, int agents) : ChangingWorld(servers, agents) {
    for (auto& m : sim.machines) keys[m.name] = 1;
    scripts["certificates-rotate"] = [this](ClusterWorld&, SimMachine& m, const std::vector<std::string>&) {
      EXPECT_FALSE(m.process()) << "the unit is stopped first";
      ++renewed[m.name];
      return cluster::Ran{};
    };
    scripts["certificates"] = [](ClusterWorld&, SimMachine&, const std::vector<std::string>&) {
      return cluster::Ran{};
    };
    scripts["encryption"] = [this](ClusterWorld&, SimMachine& m, const std::vector<std::string>& arguments) {
      return encryption(m, arguments.at(1));
    };
    scripts["encryption-written"] = [this](ClusterWorld&, SimMachine& m, const std::vector<std::string>&) {
      return cluster::Ran{0, std::to_string(keys[m.name]) + "\n", ""};
    };
    sim.on_second = [this, watched = sim.on_second] {
      watched();
      for (auto& m : sim.machines)
        if (m.server && launched[m.name] != m.invocation) take_over(m);
    };
  }

  /// A server that starts takes the newest keys; the one that made them has to start first.
  void take_over(const SimMachine& m) {
    launched[m.name] = m.invocation;
    if (rotated_on.empty()) return;
    if (m.name == rotated_on) first_has_started = true;
    EXPECT_TRUE(first_has_started) << m.name << " started before " << rotated_on;
    keys[m.name] = newest;
  }
  cluster::Ran encryption(SimMachine& m, const std::string& verb) {
    if (sim.serving(m) == nullptr) return {1, "connection refused", ""};
    if (verb == "rotate-keys") {
      keys[m.name] = ++newest;
      rotated_on = m.name;
      first_has_started = false;
      finished_at = sim.now + 5;
      return {};
    }
    bool match = true;
    for (const auto& other : sim.machines)
      match = match && (!other.server || keys[other.name] == keys[m.name]);
    const char* stage = newest == 1             ? "start"
                        : sim.now < finished_at ? "reencrypt_active"
                                                : "reencrypt_finished";
    return {0,
            fmt::format("Encryption Status: Enabled\nCurrent Rotation Stage: {}\n"
                        "Server Encryption Hashes: {}\n",
                        stage, match ? "All hashes match" : "hash does not match between m-1 and m-2"),
            ""};
  }

  std::map<std::string, int> renewed, keys, launched;
  std::string rotated_on;
  bool first_has_started = false;
  int newest = 1;
  long finished_at = 0;
  sys::TempFolder bundles;
};

TEST(Certificates, AreRenewedOneServerAfterTheOther) {
  KeysWorld world(3, 2);
  rotate_certificates(world.site());
  expect_well(world);
  EXPECT_GE(world.lowest_margin, 0);
  for (const auto& m : world.sim.machines) EXPECT_EQ(world.renewed[m.name], 1) << m.name;
}

TEST(Certificates, OfAClusterThatCannotAnswerTogether) {
  KeysWorld world(3, 1);
  for (const auto* name : {"m-1", "m-2", "m-3"}) world.sim.kill_all(world.machine(name));
  world.pass(std::chrono::minutes(1));
  rotate_certificates(world.site());
  expect_well(world);
  for (const auto& m : world.sim.machines) EXPECT_EQ(world.renewed[m.name], 1) << m.name;
}

TEST(Certificates, KilledAnywhereTheNextRunEndsIt) {
  for (int at = 1;; at += 2) {
    KeysWorld world(3, 1);
    const bool killed = interrupted(world, at, [&] { rotate_certificates(world.site()); });
    SCOPED_TRACE(at);
    if (killed) rotate_certificates(world.site());
    expect_well(world);
    EXPECT_GE(world.lowest_margin, 0);
    for (const auto& m : world.sim.machines) EXPECT_GE(world.renewed[m.name], 1) << m.name;
    if (!killed || ::testing::Test::HasFailure()) return;
  }
}

TEST(Encryption, TheKeyIsNewOnAllServersAndASnapshotWasTaken) {
  KeysWorld world(3, 1);
  rotate_encryption_key(world.site(), world.bundles.path());
  expect_well(world);
  for (const auto* name : {"m-1", "m-2", "m-3"}) EXPECT_EQ(world.keys[name], 2) << name;
  EXPECT_EQ(list_bundles(world.bundles.path()).size(), 1u);
  EXPECT_GE(world.lowest_margin, 0);
}

TEST(Encryption, KilledAnywhereTheNextRunEndsIt) {
  for (int at = 1;; at += 2) {
    KeysWorld world(3, 0);
    const auto go = [&] { rotate_encryption_key(world.site(), world.bundles.path()); };
    const bool killed = interrupted(world, at, go);
    SCOPED_TRACE(at);
    if (killed) go();
    expect_well(world);
    for (const auto* name : {"m-1", "m-2", "m-3"}) EXPECT_EQ(world.keys[name], world.newest) << name;
    EXPECT_GE(world.newest, 2);
    EXPECT_GE(world.lowest_margin, 0);
    if (!killed || ::testing::Test::HasFailure()) return;
  }
}

TEST(Encryption, StatusIsRead) {
  const auto state = parse_encryption_state(
      "Encryption Status: Enabled\nCurrent Rotation Stage: reencrypt_finished\n"
      "Server Encryption Hashes: hash does not match between m-1 and m-2\n\n"
      "Active  Key Type  Name\n------  --------  ----\n *      AES-CBC   aescbckey-2026-01-01\n"
      "        AES-CBC   aescbckey\n");
  EXPECT_TRUE(state.enabled);
  EXPECT_EQ(state.stage, "reencrypt_finished");
  EXPECT_FALSE(state.hashes_match);
  EXPECT_EQ(state.active_key, "aescbckey-2026-01-01");
  EXPECT_TRUE(parse_encryption_state("Server Encryption Hashes: All hashes match\n").hashes_match);
}

TEST(Drill, TheMasterIsKilledAndAllComesBack) {
  ChangingWorld world(3, 1);
  const auto leader = world.sim.leader(0);
  const auto report = drill(world.site(), Drill::master);
  EXPECT_EQ(report.victim, leader);
  ASSERT_TRUE(report.api_answers && report.whole_again);
  EXPECT_LT(*report.api_answers, *report.whole_again);
  expect_well(world);
  EXPECT_GE(world.lowest_margin, 0);
}

TEST(Drill, TheVipMoves) {
  ChangingWorld world(3, 0);
  const auto holder = world.sim.vip_holder;
  const auto report = drill(world.site(), Drill::vip);
  EXPECT_EQ(report.victim, holder);
  ASSERT_TRUE(report.vip_moved);
  EXPECT_GE(*report.vip_moved, std::chrono::seconds(5));
  expect_well(world);
}

TEST(Drill, PowerIsCutAndComesBack) {
  ChangingWorld world(3, 0);
  const auto report = drill(world.site(), Drill::power);
  EXPECT_EQ(world.machine(report.victim).boots, 2);
  ASSERT_TRUE(report.whole_again);
  expect_well(world);
}

TEST(Drill, NothingIsBrokenWhereItWouldBeAnOutage) {
  ChangingWorld small(1, 1);
  EXPECT_THROW(drill(small.site(), Drill::master), Error);
  ChangingWorld ill(3, 0);
  ill.sim.cut_power(ill.machine("m-2"));
  ill.pass(std::chrono::minutes(1));
  EXPECT_THROW(drill(ill.site(), Drill::master), Error);
  EXPECT_TRUE(ill.sim.quorum(0));
}

TEST(Drill, NamesAreReadBack) {
  for (const auto drill : {Drill::master, Drill::vip, Drill::power})
    EXPECT_EQ(parse_drill(to_string(drill)), drill);
  EXPECT_EQ(parse_drill("chaos"), std::nullopt);
}

}  // namespace
}  // namespace hlid::cluster
