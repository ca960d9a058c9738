#include "cluster/readiness.h"

#include <gtest/gtest.h>

#include "cluster/form.h"
#include "cluster/journal.h"
#include "support/cluster_world.h"
#include "unit/cluster/observed_builder.h"

namespace hlid::cluster {
namespace {

const Materials kMaterials{"docker.io/kube-vip/kube-vip:v0.8.7"};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

class Ladder : public ::testing::Test {
 protected:
  Ladder() {
    for (auto& one : seen.machines) one.addressed = true;
    server.name = "m-2";
    server.role = model::Role::server;
    server.address = *parse_cidr("10.10.10.102/24");
    agent = server;
    agent.name = "w-1";
    agent.role = model::Role::agent;
  }
  /// "rung: because"; empty: ready.
  std::string broken(const model::Machine& machine, const std::string& version = {}) {
    const auto readiness = climb(machine, seen, version, traits_of("rke2"));
    if (readiness.ready()) return "";
    EXPECT_FALSE(readiness.fix.empty());
    return std::string(to_string(*readiness.broken)) + ": " + readiness.because;
  }

  model::ObservedCluster seen = test::cluster_of(3, 1);
  model::Machine server, agent;
};

TEST(Readiness, NamesAnAlarmOfEtcd) {
  test::ClusterWorld world(1);
  form(world.site(), "m-1", kMaterials);
  world.machine("m-1").etcd_alarm = "NOSPACE";
  const auto all = look(world.site(), observe(world.site()));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].broken, Rung::voter);
  EXPECT_EQ(all[0].because, "etcd has raised the alarm NOSPACE: its database is full");
  EXPECT_EQ(all[0].fix, "hlid explain etcd-nospace");
  EXPECT_TRUE(all[0].hopeless);
  world.machine("m-1").etcd_alarm = "CORRUPT";
  EXPECT_EQ(look(world.site(), observe(world.site()))[0].fix, "hlid explain etcd-corrupt");
  world.machine("m-1").etcd_alarm.clear();
  EXPECT_TRUE(look(world.site(), observe(world.site()))[0].ready());
}

TEST_F(Ladder, IsWholeForOneThatIsWell) {
  EXPECT_EQ(broken(server), "");
  EXPECT_EQ(broken(agent, "v1.34.1+rke2r1"), "");
}

TEST_F(Ladder, NamesTheLowestBrokenRung) {
  auto& node = test::node_in(seen, "m-2");
  EXPECT_EQ(broken(server, "v1.35.1+rke2r1"), "node: its kubelet runs v1.34.1+rke2r1, not v1.35.1+rke2r1");
  node.ready = false;
  node.not_ready_because = "KubeletNotReady: no CNI";
  EXPECT_EQ(broken(server), "node: not Ready: KubeletNotReady: no CNI");
  test::member_in(seen, "m-2").voting = model::Voting::learner;
  EXPECT_EQ(broken(server), "voter: etcd's member m-2-0a1b2c3d is still a learner");
  auto& machine = test::machine_in(seen, "m-2");
  machine.supervisor = false;
  EXPECT_EQ(broken(server), "supervisor: /v1-rke2/readyz does not say ok");
  machine.active = false;
  machine.unit_state = "activating/auto-restart";
  EXPECT_EQ(broken(server), "unit: rke2-server is activating/auto-restart");
  machine.clock_offset = -4000;
  EXPECT_EQ(broken(server), "unit: rke2-server is activating/auto-restart; its clock is off by -4000 s");
  machine.addressed = false;
  EXPECT_EQ(broken(server), "address: no interface has 10.10.10.102");
  machine.reachable = false;
  EXPECT_EQ(broken(server), "agent: its guest agent does not answer");
  machine.running = false;
  EXPECT_EQ(broken(server), "running: it is switched off");
}

TEST_F(Ladder, TellsAFullDiskBehindWhateverItBroke) {
  auto& machine = test::machine_in(seen, "m-2");
  machine.disk_free = mib(5);
  EXPECT_EQ(broken(server), "") << "what works is well";
  machine.supervisor = false;
  EXPECT_EQ(broken(server), "supervisor: /v1-rke2/readyz does not say ok; its disk is full: 5 MiB are free");
  machine.disk_free = gib(1);
  EXPECT_EQ(broken(server), "supervisor: /v1-rke2/readyz does not say ok");
}

TEST_F(Ladder, AnAgentHasNoSupervisorAndNoVote) {
  auto& machine = test::machine_in(seen, "w-1");
  machine.supervisor = false;
  EXPECT_EQ(broken(agent), "");
  machine.unit = model::Role::server;
  EXPECT_EQ(broken(agent), "unit: rke2-server runs instead of rke2-agent");
  machine.unit = model::Role::plain;
  machine.active = false;
  machine.unit_state.clear();
  EXPECT_EQ(broken(agent), "unit: rke2-agent is neither enabled nor started");
  machine.installed.clear();
  EXPECT_EQ(broken(agent), "unit: no release is installed");
}

TEST_F(Ladder, SaysThatNobodyAnswers) {
  seen.answers = false;
  EXPECT_EQ(broken(agent), "node: no server answers for the Nodes");
  seen.members.clear();
  EXPECT_EQ(broken(server), "voter: etcd gives no member list: it has no quorum");
}

// ---- waiting

/// The error that `work` throws, and how many seconds it took.
template <typename Work>
std::pair<std::string, long> failure_of(test::ClusterWorld& world, Work work) {
  const auto start = world.unix_now();
  try {
    work();
  } catch (const Error& error) {
    return {fmt::format("{}|{}|{}", to_string(error.code()), error.what(), error.hint()),
            world.unix_now() - start};
  }
  return {"", world.unix_now() - start};
}

TEST(Await, AFatalLineEndsTheWaitAtOnceWithItsEvidence) {
  test::ClusterWorld world(1, 0, false);
  world.machine("m-1").dies_of = "critical configuration value mismatch between servers: cluster-cidr";
  const auto [text, seconds] = failure_of(world, [&] { form(world.site(), "m-1"); });
  EXPECT_HAS(text, "failed|m-1 is not ready: link 'unit' does not hold: this server's settings differ");
  EXPECT_HAS(text, "\n  | fatal: critical configuration value mismatch between servers: cluster-cidr");
  EXPECT_HAS(text, "|make the value the one that the other servers have");
  EXPECT_LT(seconds, 60);
}

TEST(Await, ATroubleThatIsTriedAgainIsNamedAtTheDeadline) {
  test::ClusterWorld world(1, 0, false);
  world.machine("m-1").dies_of = "write /var/lib/rancher: no space left on device";
  const auto [text, seconds] = failure_of(world, [&] { form(world.site(), "m-1"); });
  EXPECT_HAS(text, "timeout|m-1 is not ready: link 'unit' does not hold");
  EXPECT_HAS(text, "the disk is full (after 900 s)");
  EXPECT_GE(seconds, 900);
}

TEST(Await, PatienceStretchesTheDeadlines) {
  test::ClusterWorld world(1, 0, false);
  world.machine("m-1").never_ready = true;
  auto site = world.site();
  site.patience = 2;
  const auto [text, seconds] = failure_of(world, [&] { form(site, "m-1"); });
  EXPECT_HAS(text, "(after 1800 s)");
  EXPECT_GE(seconds, 1800);
}

TEST(Await, AMachineThatIsSwitchedOffIsNotWaitedForLong) {
  test::ClusterWorld world(1, 0, false);
  world.machine("m-1").import_seconds = 10000;
  world.cut_at = 16;
  const auto [text, seconds] = failure_of(world, [&] { form(world.site(), "m-1"); });
  EXPECT_HAS(text, "failed|m-1 is not ready: link 'running' does not hold: it is switched off");
  EXPECT_LT(seconds, 200);
}

TEST(Await, AStoppedUnitIsNotWaitedForLong) {
  test::ClusterWorld world(1, 0, false);
  world.scripts["start"] = test::scripts::nothing;  // as when systemd's condition refuses the start
  const auto [text, seconds] = failure_of(world, [&] { form(world.site(), "m-1"); });
  EXPECT_HAS(text, "failed|m-1 is not ready: link 'unit' does not hold: rke2-server is");
  EXPECT_LT(seconds, 100);
}

TEST(Await, AFullDiskIsNotWaitedForLong) {
  test::ClusterWorld world(1, 0, false);
  world.machine("m-1").never_ready = true;
  world.machine("m-1").free_mib = 3;
  const auto [text, seconds] = failure_of(world, [&] { form(world.site(), "m-1"); });
  EXPECT_HAS(text, "failed|m-1 is not ready: link 'unit' does not hold: rke2-server is activating/start");
  EXPECT_HAS(text, "; its disk is full: 3 MiB are free");
  EXPECT_HAS(text, "|make the 'disk' of its group larger");
  EXPECT_LT(seconds, 200);
}

TEST(Await, ARestartIsNotTakenForDoneWhileTheOldProcessRuns) {
  test::ClusterWorld world(1, 0, false);
  form(world.site(), "m-1");
  Awaited awaited;
  awaited.since = restart_unit(world.site(), *world.guest("m-1"), world.lab.machines[0]);
  EXPECT_EQ(awaited.since.invocation, "run-1");
  awaited.since.invocation = "run-2";  // as if the restart had not yet happened
  awaited.deadline = std::chrono::seconds(30);
  const auto [text, seconds] = failure_of(world, [&] { await_ready(world.site(), "m-1", awaited); });
  EXPECT_HAS(text, "still the process from before the restart");
  awaited.since.invocation = "run-1";
  await_ready(world.site(), "m-1", awaited);
}

TEST(Await, TellsWhatIsGoingOnOnce) {
  test::ClusterWorld world(2, 0, false);
  form(world.site(), "m-1");
  join(world.site(), "m-2");
  std::string all;
  for (const auto& phase : world.phases) all += phase + "\n";
  EXPECT_HAS(all, "importing images\n");
  EXPECT_HAS(all, "adding member\n");
  EXPECT_HAS(all, "waiting for Node Ready\n");
  EXPECT_EQ(all.find("importing images\nimporting images"), std::string::npos);
}

TEST(Await, StopsWhenAsked) {
  test::ClusterWorld world(1, 0, false);
  std::stop_source stop;
  auto site = world.site();
  site.stop = stop.get_token();
  site.phase = [&](const std::string& text) {
    if (text == "importing images") stop.request_stop();
  };
  const auto [text, seconds] = failure_of(world, [&] { form(site, "m-1"); });
  EXPECT_HAS(text, "interrupted|");
}

// ---- the journal

TEST(Journal, IsToldPlainly) {
  EXPECT_EQ(plain_line(R"(time="2026-01-01T00:00:00Z" level=error msg="cannot read \"x\"")"),
            "error: cannot read \"x\"");
  EXPECT_EQ(plain_line("time=x level=info msg=ready"), "ready");
  EXPECT_EQ(plain_line(" plain \t"), "plain");
}

TEST(Journal, KeepsTheLinesThatTell) {
  const auto& traits = traits_of("rke2");
  EXPECT_EQ(telling_lines(traits, {"a", R"(level=error msg="one")", "b", R"(level=error msg="one")",
                                   R"(level=fatal msg="two")"}),
            (std::vector<std::string>{"error: one", "fatal: two"}));
  EXPECT_EQ(telling_lines(traits, {"a", "b", "c", "d", "e"}), (std::vector<std::string>{"b", "c", "d", "e"}));
  EXPECT_TRUE(telling_lines(traits, {}).empty());
}

TEST(Journal, KnowsWhatIsHopeless) {
  const auto& traits = traits_of("rke2");
  EXPECT_EQ(hopeless_line(traits, {"failed to get CA certs: refused"}), nullptr);
  ASSERT_NE(last_known_trouble(traits, {"failed to get CA certs: refused", "x"}), nullptr);
  ASSERT_NE(hopeless_line(traits, {"x", "level=fatal msg=\"token CA hash does not match\""}), nullptr);
}

}  // namespace
}  // namespace hlid::cluster
