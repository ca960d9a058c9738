// Founding, joining and settling, against machines that behave like the real ones.
#include "cluster/form.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/config.h"
#include "cluster/readiness.h"
#include "support/cluster_world.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

const Materials kMaterials{"docker.io/kube-vip/kube-vip:v0.8.7"};

/// As `hlid up` does it, one verb after the other.
void bring_up(test::ClusterWorld& world) {
  const auto site = world.site();
  form(site, "m-1", kMaterials);
  for (const auto& machine : world.lab.machines)
    if (machine.name != "m-1") join(site, machine.name, kMaterials);
  settle(site);
}

void expect_all_ready(test::ClusterWorld& world, int voters) {
  const auto observed = observe(world.site());
  EXPECT_TRUE(observed.answers);
  EXPECT_EQ(observed.voters(), voters);
  for (const auto& readiness : look(world.site(), observed))
    EXPECT_TRUE(readiness.ready()) << readiness.machine << ": " << readiness.because;
}

/// The error that `work` throws, as "code|message|hint".
template <typename Work>
std::string failure_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return fmt::format("{}|{}|{}", to_string(error.code()), error.what(), error.hint());
  }
  return "";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

int count_of(const test::ClusterWorld& world, const std::string& call) {
  return static_cast<int>(std::count(world.calls.begin(), world.calls.end(), call));
}

TEST(Form, MakesOneClusterOfAll) {
  test::ClusterWorld world(3, 2);
  bring_up(world);
  ASSERT_EQ(world.sim.clusters.size(), 1U);
  expect_all_ready(world, 3);
  EXPECT_EQ(observe(world.site()).nodes.size(), 5U);
}

TEST(Form, DoneAgainItOnlyLooks) {
  test::ClusterWorld world(3, 1);
  bring_up(world);
  world.calls.clear();
  bring_up(world);
  for (const auto& call : world.calls) {
    const auto what = call.substr(call.find(' ') + 1);
    EXPECT_TRUE(what == "probe" || what == "nodes" || what == "neighbours" || what.starts_with("read "))
        << call;
  }
}

TEST(Form, JoinsServersAndAgentsAtOnce) {
  test::ClusterWorld world(3, 3);
  form(world.site(), "m-1", kMaterials);
  sys::in_parallel(5, 5,
                   [&](std::size_t i) { join(world.site(), world.lab.machines[i + 1].name, kMaterials); });
  expect_all_ready(world, 3);
}

TEST(Form, GivesJoinersTheTokenWithTheCaInItAndNobodyElse) {
  test::ClusterWorld world(3, 1);
  bring_up(world);
  const auto path = token_path("rke2");
  for (const auto* name : {"m-2", "m-3", "w-1"}) {
    EXPECT_HAS(world.machine(name).files.at(path),
               "K10" + sys::sha256_hex(world.sim.clusters[0].ca) + "::server:");
    EXPECT_EQ(world.machine(name).modes.at(path), "0600");
  }
  EXPECT_EQ(world.machine("m-1").modes.at(path), "0600");
}

TEST(Form, FoundsNothingWhileAServerCannotBeSeen) {
  test::ClusterWorld world(3);
  world.sim.cut_power(world.machine("m-3"));
  auto text = failure_of([&] { form(world.site(), "m-1", kMaterials); });
  EXPECT_HAS(text, "precondition|server-unreachable: ");
  EXPECT_HAS(text, "'m-3' (it is switched off)");
  world.sim.power_on(world.machine("m-3"));
  world.pass(std::chrono::seconds(20));
  world.machine("m-2").silent = true;
  text = failure_of([&] { form(world.site(), "m-1", kMaterials); });
  EXPECT_HAS(text, "'m-2' (the guest agent of 'm-2' does not answer)");
  EXPECT_TRUE(world.sim.clusters.empty());
}

TEST(Form, AServerThatDoesNotExistHidesNoData) {
  test::ClusterWorld world(3);
  world.machine("m-3").exists = false;
  form(world.site(), "m-1", kMaterials);
  EXPECT_EQ(world.sim.clusters.size(), 1U);
}

TEST(Form, TheFirstServerMadeAnewJoinsTheOthers) {
  test::ClusterWorld world(3, 1);
  bring_up(world);
  world.sim.rebuild(world.machine("m-1"));
  world.pass(std::chrono::seconds(30));
  bring_up(world);
  EXPECT_EQ(world.sim.clusters.size(), 1U);
  expect_all_ready(world, 3);
  EXPECT_EQ(world.sim.clusters[0].members.size(), 3U);
}

TEST(Form, AnAgentMadeAnewIsNotRefusedForItsPassword) {
  test::ClusterWorld world(1, 1);
  bring_up(world);
  world.sim.rebuild(world.machine("w-1"));
  world.pass(std::chrono::seconds(30));
  bring_up(world);
  expect_all_ready(world, 1);
}

TEST(Form, AGhostOfADeletedNodeIsRemovedByItsId) {
  test::ClusterWorld world(3);
  bring_up(world);
  world.sim.ghosts = true;
  world.sim.rebuild(world.machine("m-2"));
  world.pass(std::chrono::seconds(30));
  join(world.site(), "m-2", kMaterials);
  EXPECT_EQ(count_of(world, "m-1 evict"), 1);
  expect_all_ready(world, 3);
}

TEST(Form, TwoClustersAreNamed) {
  test::ClusterWorld world(3);
  form(world.site(), "m-1", kMaterials);
  auto& rogue = world.machine("m-3");  // somebody started it by hand, without a server to join
  rogue.files[token_path("rke2")] = "token: \"another\"\n";
  world.sim.start(rogue);
  world.pass(std::chrono::seconds(60));
  const auto text = failure_of([&] { join(world.site(), "m-2", kMaterials); });
  EXPECT_HAS(text, "conflict|two-clusters: 'm-1' and 'm-3' belong to different clusters");
  EXPECT_HAS(failure_of([&] { form(world.site(), "m-1", kMaterials); }), "two-clusters");
}

TEST(Form, ACopyOfTheCaDoesNotHideASecondCluster) {
  test::ClusterWorld world(3);
  bring_up(world);
  auto& split = world.machine("m-3");  // its datastore was deleted by hand, and `server:` with it
  world.sim.kill_all(split);
  split.data.reset();
  split.files.erase(config_path("rke2"));
  world.sim.start(split);
  world.pass(std::chrono::seconds(60));
  EXPECT_HAS(failure_of([&] { join(world.site(), "m-2", kMaterials); }), "two-clusters: 'm-1' and 'm-3'");
}

TEST(Form, AStrangerAtOneOfOurAddressesIsNoticed) {
  test::ClusterWorld world(1);
  auto foreign = world.machine("m-1");
  foreign.name = "stranger";
  foreign.ip = "10.10.10.100";
  world.sim.vip.clear();
  world.sim.machines.push_back(foreign);
  world.sim.start(world.machine("stranger"));
  world.pass(std::chrono::seconds(60));
  const auto text = failure_of([&] { form(world.site(), "m-1", kMaterials); });
  EXPECT_HAS(text, "conflict|two-clusters: a cluster answers at 10.10.10.100");
}

TEST(Form, TwoServersThatBothBeganAreNotBothLetGoOn) {
  test::ClusterWorld world(3);
  world.sim.start(world.machine("m-2"));
  world.pass(std::chrono::seconds(1));
  EXPECT_HAS(failure_of([&] { form(world.site(), "m-1", kMaterials); }),
             "conflict|founding: 'm-2' has begun");
}

TEST(Form, AMemberThatWasRemovedJoinsAnewWithItsDataSetAside) {
  test::ClusterWorld world(3);
  bring_up(world);
  world.sim.kill_all(world.machine("m-3"));
  world.pass(std::chrono::seconds(60));
  const auto id = world.machine("m-3").data->id;
  ASSERT_EQ(world.sim.remove_member(0, id), "");
  join(world.site(), "m-3", kMaterials);
  EXPECT_EQ(count_of(world, "m-3 set-aside"), 1);
  EXPECT_NE(world.machine("m-3").data->id, id);
  expect_all_ready(world, 3);
}

TEST(Form, ALiveMemberAtAnotherAddressKeepsItsName) {
  test::ClusterWorld world(3);
  bring_up(world);
  auto other = world.machine("m-3");
  world.sim.cut_power(world.machine("m-3"));
  world.machine("m-3").data.reset();
  world.machine("m-3").files.clear();
  world.machine("m-3").enabled = false;
  world.machine("m-3").ip = "10.10.10.109";  // the file's address was changed, and the machine made anew …
  world.lab.machines[2].address = *parse_cidr("10.10.10.109/24");
  other.name = "m-3-old";  // … while the old one still runs
  world.sim.machines.push_back(other);
  world.sim.power_on(world.machine("m-3"));
  world.pass(std::chrono::seconds(60));
  const auto text = failure_of([&] { join(world.site(), "m-3", kMaterials); });
  EXPECT_HAS(text, "conflict|member-name-taken: etcd's member m-3-");
  EXPECT_HAS(text, "lives at 10.10.10.103");
}

TEST(Form, AfterAPowerCutOfAllTheyComeBack) {
  test::ClusterWorld world(3, 1);
  bring_up(world);
  for (auto& m : world.sim.machines) world.sim.cut_power(m);
  for (auto& m : world.sim.machines) {
    m.enabled = m.name == "m-1";  // the units of the others do not start by themselves
    world.sim.power_on(m);
  }
  world.pass(std::chrono::seconds(10));
  bring_up(world);
  expect_all_ready(world, 3);
}

TEST(Form, ANodeThatWasDeletedWhileItRanRegistersAgain) {
  test::ClusterWorld world(3, 1);
  bring_up(world);
  world.sim.clusters[0].nodes.erase("w-1");
  bring_up(world);
  EXPECT_EQ(world.machine("w-1").invocation, 2);
  expect_all_ready(world, 3);
}

TEST(Form, WorksForK3s) {
  test::ClusterWorld world(3, 1, true, "v1.34.1+k3s1");
  world.lab.cluster->distribution = "k3s";
  world.sim.distribution = "k3s";
  bring_up(world);
  expect_all_ready(world, 3);
}

TEST(Form, NeedsKubeVipForAVip) {
  test::ClusterWorld world(1);
  EXPECT_HAS(failure_of([&] { form(world.site(), "m-1"); }),
             "precondition|the release has no image of kube-vip");
  EXPECT_TRUE(world.sim.clusters.empty());
}

TEST(Form, SaysThatNoReleaseIsInstalled) {
  test::ClusterWorld world(1);
  world.machine("m-1").installed.clear();
  EXPECT_HAS(failure_of([&] { form(world.site(), "m-1", kMaterials); }),
             "precondition|no release is installed on 'm-1'");
}

TEST(Form, StartsNothingOnAMachineThatCannotWork) {
  test::ClusterWorld world(1);
  world.scripts["preflight"] = [](auto& w, auto& m, const auto& arguments) {
    auto ran = test::scripts::preflight(w, m, arguments);
    ran.output = "listening\t127.0.0.1:2379 users:((\"etcd\",pid=812,fd=7))\n" + ran.output;
    return ran;
  };
  const auto text = failure_of([&] { form(world.site(), "m-1", kMaterials); });
  EXPECT_HAS(text, "precondition|'m-1' cannot be part of a cluster yet");
  EXPECT_HAS(text, "2379");
  EXPECT_EQ(world.machine("m-1").invocation, 0);
}

TEST(Join, AMachineOfTheOtherRoleIsNotStartedBesideIt) {
  test::ClusterWorld world(1, 1);
  bring_up(world);
  world.lab.machines[1].role = model::Role::server;
  EXPECT_HAS(failure_of([&] { join(world.site(), "w-1", kMaterials); }),
             "precondition|'w-1' is a server in the file, but rke2-agent is set up on it");
}

TEST(Join, NeedsAClusterToJoin) {
  test::ClusterWorld world(3, 1);
  EXPECT_HAS(failure_of([&] { join(world.site(), "w-1", kMaterials); }),
             "precondition|there is no cluster yet");
}

TEST(Join, NamesTheServerThatKeepsItWaiting) {
  test::ClusterWorld world(1, 1);
  bring_up(world);
  world.sim.rebuild(world.machine("w-1"));
  world.pass(std::chrono::seconds(20));
  world.machine("m-1").dies_of = "failed to start: no space left on device";
  world.sim.kill_all(world.machine("m-1"));
  const auto text = failure_of([&] { join(world.site(), "w-1", kMaterials); });
  EXPECT_HAS(text,
             "timeout|'w-1' waits for a server that answers: m-1 is not ready: link 'unit' does not hold");
  EXPECT_HAS(text, "the disk is full");
}

TEST(Settle, WritesWhereTheClusterIsOnEveryMachineAndRestartsNone) {
  test::ClusterWorld world(3, 1);
  bring_up(world);
  for (const auto& m : world.sim.machines) {
    EXPECT_HAS(m.files.at(config_path("rke2")), "server: \"https://10.10.10.100:9345\"");
    EXPECT_EQ(m.invocation, 1);
  }
}

TEST(Settle, LeavesAPendingChangeOfTheConfigurationToItsTurn) {
  test::ClusterWorld world(1);
  form(world.site(), "m-1", kMaterials);
  world.lab.cluster->cni = "cilium";
  settle(world.site());
  const auto& text = world.machine("m-1").files.at(config_path("rke2"));
  EXPECT_HAS(text, "server: \"https://10.10.10.100:9345\"");
  EXPECT_EQ(text.find("cilium"), std::string::npos);
}

TEST(Settle, WaitsForAServerThatAnswers) {
  test::ClusterWorld world(1);
  form(world.site(), "m-1", kMaterials);
  world.machine("m-1").silent = true;
  const auto back = world.sim.now + 40;
  world.sim.on_second = [&] { world.machine("m-1").silent = world.sim.now < back; };
  settle(world.site());
  EXPECT_GE(world.sim.now, back);
  EXPECT_HAS(world.machine("m-1").files.at(config_path("rke2")), "server: \"https://10.10.10.100:9345\"");
}

TEST(Settle, SaysThatNoServerAnswers) {
  test::ClusterWorld world(1);
  form(world.site(), "m-1", kMaterials);
  world.machine("m-1").silent = true;
  EXPECT_HAS(failure_of([&] { settle(world.site()); }), "timeout|no server answers");
}

TEST(Settle, SaysThatTheVipDoesNotAnswer) {
  test::ClusterWorld world(1);
  form(world.site(), "m-1", kMaterials);
  world.sim.vip = "10.10.10.99";
  world.sim.vip_holder.clear();
  EXPECT_HAS(failure_of([&] { settle(world.site()); }), "timeout|the VIP 10.10.10.100 does not answer");
}

}  // namespace
}  // namespace hlid::cluster
