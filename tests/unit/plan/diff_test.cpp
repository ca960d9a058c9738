#include <gtest/gtest.h>

#include "support/plan_world.h"

namespace hlid::plan {
namespace {

std::size_t place(const Plan& plan, const std::string& id) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (plan.steps[i].id == id) return i;
  ADD_FAILURE() << "no step " << id;
  return plan.steps.size();
}

bool has_step(const Plan& plan, const std::string& id) {
  for (const auto& step : plan.steps)
    if (step.id == id) return true;
  return false;
}

bool has_edge(const Plan& plan, const std::string& before, const std::string& after) {
  const std::pair edge(place(plan, before), place(plan, after));
  return std::find(plan.edges.begin(), plan.edges.end(), edge) != plan.edges.end();
}

TEST(NewLab, EveryMachineGoesItsOwnWayFromTheTemplate) {
  const auto plan = make_plan(test::reference_lab(), test::empty_node(), test::with_key());
  EXPECT_TRUE(has_edge(plan, "create-storage local-zfs", "create-template pkr-ubuntu-noble-1"));
  EXPECT_TRUE(has_edge(plan, "create-template pkr-ubuntu-noble-1", "clone valaskjalf-master-1"));
  EXPECT_TRUE(has_edge(plan, "clone valaskjalf-master-1", "configure valaskjalf-master-1"));
  EXPECT_TRUE(has_edge(plan, "resize valaskjalf-master-1", "start valaskjalf-master-1"));
  EXPECT_TRUE(has_edge(plan, "set-network vmbr0", "start valaskjalf-master-1"));
  EXPECT_TRUE(has_edge(plan, "start valaskjalf-master-1", "wait-ready valaskjalf-master-1"));
  for (const auto& [before, after] : plan.edges) {
    const bool both_machines = plan.steps[before].vmid.value < 90000 && plan.steps[before].vmid.value > 0 &&
                               plan.steps[after].vmid.value < 90000;
    if (!both_machines) continue;
    EXPECT_EQ(plan.steps[before].subject, plan.steps[after].subject) << "machine n starts while n+1 clones";
  }
}

TEST(NewLab, ClonesShareTheQueueOfTheirStorage) {
  const auto plan = make_plan(test::reference_lab(), test::empty_node(), test::with_key());
  for (const auto& step : plan.steps)
    EXPECT_TRUE(step.kind != StepKind::clone || step.resource == "storage:local-zfs") << step.id;
}

TEST(NewLab, AFirstConfigurationHoldsEveryKey) {
  const auto plan = make_plan(test::reference_lab(), test::empty_node(), test::with_key());
  const auto& details = plan.steps[place(plan, "configure valaskjalf-worker-2")].details;
  for (const char* key :
       {"cores", "memory", "cpu", "tags", "onboot", "agent", "bridge", "mac", "address", "gateway", "dns",
        "search_domain", "user", "authorized_keys", "password", "uuid", "cloud_init_drive"})
    EXPECT_EQ(details.count(key), 1U) << key;
  EXPECT_EQ(details.at("tags"), "hlid;valaskjalf;rke2");
  EXPECT_EQ(details.at("memory"), std::to_string(gib(12).count));
  EXPECT_EQ(details.at("address"), "10.10.10.112/24");
  EXPECT_EQ(details.at("password"), "set") << "never the secret";
}

TEST(Change, OfOneMachineTouchesNoOther) {
  auto lab = test::reference_lab();
  const auto there = test::built(lab);
  lab.machines[3].cores = 6;
  const auto plan = make_plan(lab, there, test::with_key());
  for (const auto& step : plan.steps) EXPECT_EQ(step.subject, "valaskjalf-worker-1");
  EXPECT_EQ(plan.worst(), model::Disruption::reboot);
  EXPECT_EQ(plan.steps[0].details, (std::map<std::string, std::string>{{"cores", "6"}}));
}

TEST(Change, RebootsGoOneMachineAtATime) {
  auto lab = test::reference_lab();
  const auto there = test::built(lab);
  for (auto& machine : lab.machines) machine.cores += 1;
  const auto plan = make_plan(lab, there, test::with_key());
  EXPECT_TRUE(has_edge(plan, "wait-ready valaskjalf-master-1", "reboot valaskjalf-master-2"));
  EXPECT_TRUE(has_edge(plan, "wait-ready valaskjalf-master-3", "reboot valaskjalf-worker-1"));
}

TEST(Change, ReplacementsGoOneMachineAtATimeToo) {
  auto lab = test::reference_lab();
  const auto there = test::built(lab);
  auto options = test::with_key();
  for (auto& machine : lab.machines) {
    machine.disk = gib(20);
    options.allow.insert("replace=" + machine.name);
  }
  const auto plan = make_plan(lab, there, options);
  EXPECT_TRUE(has_edge(plan, "wait-ready valaskjalf-master-1", "shutdown valaskjalf-master-2"));
  EXPECT_TRUE(has_edge(plan, "wait-ready valaskjalf-worker-2", "shutdown valaskjalf-worker-3"));
}

TEST(Change, AHibernatedMachineIsStarted) {
  const auto lab = test::reference_lab();
  auto there = test::built(lab);
  test::guest(there, 1001).power = model::Power::stopped;
  test::guest(there, 1001).lock = "suspended";
  const auto plan = make_plan(lab, there, test::with_key());
  EXPECT_TRUE(plan.refusals.empty());
  EXPECT_TRUE(has_step(plan, "start valaskjalf-master-1"));
}

TEST(Change, MeaningIsComparedNotText) {
  auto lab = test::reference_lab();
  auto there = test::built(lab);
  for (auto& machine : there.machines) {
    std::reverse(machine.tags.begin(), machine.tags.end());
    if (!machine.authorized_keys.empty()) machine.authorized_keys = {"ssh-ed25519 AAAA"};
    machine.cpu = "host,flags=+aes";
    machine.agent.reset();
  }
  EXPECT_TRUE(make_plan(lab, there, test::with_key()).empty());
}

TEST(Change, APasswordThatTheFileNoLongerNamesIsLeftAlone) {
  auto lab = test::reference_lab();
  const auto there = test::built(lab);
  lab.access.console_password = {};
  EXPECT_TRUE(make_plan(lab, there, test::with_key()).empty());
}

TEST(Replace, IsNeverImpliedByANewTemplate) {
  const auto lab = test::reference_lab();
  const auto there = test::built(lab);
  const auto plan = make_plan(lab, there, test::with_key("new"));
  EXPECT_TRUE(plan.empty());
  ASSERT_FALSE(plan.notices.empty());
  EXPECT_EQ(plan.notices[0].code, "template-outdated");
}

TEST(Replace, WithConsentButWithoutReasonDoesNothing) {
  const auto lab = test::reference_lab();
  auto options = test::with_key();
  options.allow = {"replace=valaskjalf-master-1", "replace=pkr-ubuntu-noble-1"};
  EXPECT_TRUE(make_plan(lab, test::built(lab), options).empty());
}

TEST(Replace, WithConsentConverges) {
  const auto lab = test::reference_lab();
  auto there = test::built(lab);
  auto options = test::with_key("new");
  options.allow = {"replace=pkr-ubuntu-noble-1"};
  for (const auto& machine : lab.machines) options.allow.insert("replace=" + machine.name);
  const auto plan = make_plan(lab, there, options);
  ASSERT_TRUE(plan.refusals.empty());
  EXPECT_EQ(plan.worst(), model::Disruption::replace);
  EXPECT_TRUE(has_edge(plan, "create-template pkr-ubuntu-noble-1", "shutdown valaskjalf-master-1"));
  test::apply_all(lab, there, plan, "new");
  EXPECT_TRUE(make_plan(lab, there, options).empty());
}

TEST(Replace, OfATemplateThatHasLinkedClonesIsRefused) {
  auto lab = test::reference_lab();
  for (auto& machine : lab.machines) machine.linked_clone = true;
  auto options = test::with_key("new");
  options.allow = {"replace=pkr-ubuntu-noble-1"};
  const auto plan = make_plan(lab, test::built(lab), options);
  ASSERT_EQ(plan.refusals.size(), 1U);
  EXPECT_EQ(plan.refusals[0].code, "template-in-use");
}

TEST(Extra, MachinesAreHeldUntilConsent) {
  auto lab = test::reference_lab();
  auto there = test::built(lab);
  lab.machines.pop_back();
  auto options = test::with_key();
  const auto held = make_plan(lab, there, options);
  EXPECT_TRUE(held.steps.empty());
  EXPECT_FALSE(held.empty());
  ASSERT_EQ(held.held.size(), 2U);
  EXPECT_EQ(held.held[0].consent, "destroy=valaskjalf-worker-3");
  options.allow = {"destroy=valaskjalf-worker-3"};
  test::apply_all(lab, there, make_plan(lab, there, options));
  EXPECT_TRUE(make_plan(lab, there, options).empty());
}

TEST(Phases, OfTheWholeArePlannedOneByOne) {
  const auto lab = test::reference_lab();
  auto there = test::empty_node();
  for (const auto phase : {Phase::host, Phase::image, Phase::machines}) {
    auto options = test::with_key();
    options.only = phase;
    const auto plan = make_plan(lab, there, options);
    EXPECT_TRUE(plan.refusals.empty());
    for (const auto& step : plan.steps) EXPECT_EQ(phase_of(step.kind), phase);
    test::apply_all(lab, there, plan);
  }
  EXPECT_TRUE(make_plan(lab, there, test::with_key()).empty());
}

TEST(Phases, ThatNeedAnEarlierOneSaySo) {
  auto options = test::with_key();
  options.only = Phase::machines;
  const auto plan = make_plan(test::reference_lab(), test::empty_node(), options);
  ASSERT_EQ(plan.refusals.size(), 1U);
  EXPECT_EQ(plan.refusals[0].code, "phase-needs");
}

TEST(Phases, ReadBack) {
  for (const auto phase : kPhases) EXPECT_EQ(parse_phase(to_string(phase)), phase);
  EXPECT_FALSE(parse_phase("backup"));
}

TEST(Destroy, OneByName) {
  const auto lab = test::reference_lab();
  auto there = test::built(lab);
  const auto plan = make_destroy_plan(lab, there, {{"valaskjalf-worker-1"}, true, {}});
  ASSERT_EQ(plan.steps.size(), 2U);
  EXPECT_EQ(plan.steps[0].kind, StepKind::shutdown);
  EXPECT_EQ(plan.steps[1].kind, StepKind::destroy);
  EXPECT_EQ(plan.worst(), model::Disruption::destroy);
}

TEST(Destroy, RefusesWhatIsNotThereOrNotOurs) {
  const auto lab = test::reference_lab();
  auto there = test::built(lab);
  there.machines.push_back(test::foreign(99999, "nas"));
  const auto plan = make_destroy_plan(lab, there, {{"nas", "valaskjalf-worker-9", "zzz"}, false, {}});
  EXPECT_TRUE(plan.steps.empty());
  ASSERT_EQ(plan.refusals.size(), 3U);
  EXPECT_EQ(plan.refusals[0].code, "not-ours");
  EXPECT_EQ(plan.refusals[1].code, "not-found");
  EXPECT_NE(plan.refusals[1].hint.find("did you mean"), std::string::npos);
}

TEST(Destroy, LeavesAMachineThatLostItsTagsAndSaysSo) {
  const auto lab = test::reference_lab();
  auto there = test::built(lab);
  test::guest(there, 1001).tags = {"rke2"};
  const auto plan = make_destroy_plan(lab, there);
  EXPECT_FALSE(has_step(plan, "destroy valaskjalf-master-1"));
  ASSERT_EQ(plan.notices.size(), 1U);
  EXPECT_EQ(plan.notices[0].code, "not-ours");
}

TEST(Destroy, TakesTheTemplateLast) {
  const auto lab = test::reference_lab();
  const auto plan = make_destroy_plan(lab, test::built(lab), {{}, true, {}});
  for (const auto& machine : lab.machines)
    EXPECT_TRUE(has_edge(plan, "destroy " + machine.name, "destroy-template pkr-ubuntu-noble-1"));
}

TEST(RealHost, WhoseBridgesATokenMayNotSeeIsNotRefused) {
  auto there = test::real_host();
  there.nodes[0].bridges.clear();
  EXPECT_TRUE(make_plan(test::reference_lab(), there, test::with_key()).refusals.empty());
}

TEST(Large, AThousandMachinesArePlannedWhole) {
  auto lab = test::reference_lab();
  lab.machines.clear();
  lab.network.cidr = *parse_cidr("10.0.0.0/8");
  test::add_group(lab, "w", model::Role::agent, 1000, 10000, 1000, 2, gib(4), gib(50));
  const auto there = test::built(lab);
  EXPECT_EQ(there.machines.size(), 1001U);
  EXPECT_TRUE(make_plan(lab, there, test::with_key()).empty());
}

}  // namespace
}  // namespace hlid::plan
