// Laws of the diff, for labs and hosts of all kinds.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "plan/draft.h"
#include "support/plan_world.h"

namespace hlid::plan {
namespace {

using test::Simulator;

model::Homelab any_lab() {
  model::Homelab lab = test::reference_lab();
  lab.machines.clear();
  const int servers = *rc::gen::element(0, 1, 3);
  const int agents = *rc::gen::inRange(0, 4);
  test::add_group(lab, "m", model::Role::server, servers, 1001, 101, *rc::gen::inRange(1, 5),
                  gib(*rc::gen::inRange(1, 9)), gib(*rc::gen::inRange(4, 60)));
  test::add_group(lab, "w", model::Role::agent, agents, 1101, 151, *rc::gen::inRange(1, 5),
                  gib(*rc::gen::inRange(1, 9)), gib(*rc::gen::inRange(4, 60)));
  for (auto& machine : lab.machines) {
    machine.start_at_boot = *rc::gen::arbitrary<bool>();
    machine.linked_clone = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>()) machine.tags = {"a", "b"};
  }
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    const auto last = static_cast<std::uint32_t>(*rc::gen::inRange(101, 104));
    lab.publish.push_back({.listen = {0x7f000001},
                           .port = 8000 + i,
                           .to = "w",
                           .addresses = {lab.network.cidr.network() + last},
                           .target_port = 80});
  }
  return lab;
}

/// The lab as built, then touched by hand in ways that hlid may repair.
model::Observed any_host(const model::Homelab& lab) {
  if (*rc::gen::arbitrary<bool>()) return test::empty_node();
  auto there = test::built(lab);
  for (auto& machine : there.machines) {
    if (machine.is_template) continue;
    const int what = *rc::gen::inRange(0, 12);
    if (what == 0) machine.power = model::Power::stopped;
    if (what == 1) machine.power = model::Power::paused;
    if (what == 2) machine.cores += 1;
    if (what == 3) machine.memory = gib(64);
    if (what == 4) machine.tags.push_back("by-hand");
    if (what == 5) machine.disk = gib(3);
    if (what == 6) machine.dns.clear();
    if (what == 7) machine.pending = {"memory"};
    if (what == 8)
      machine.uuid = "00000000-0000-4000-8000-000000000000", machine.power = model::Power::stopped;
    if (what == 9)
      machine.uuid = "00000000-0000-4000-8000-000000000000", machine.power = model::Power::stopped,
      machine.lock = "clone";
    if (what == 10) machine.authorized_keys = {"ssh-rsa CCCC x"}, machine.power = model::Power::stopped;
  }
  if (*rc::gen::arbitrary<bool>()) there.published.push_back({.lab = "other", .port = 9000, .to = {"x"}});
  for (auto& port : there.published) {
    const int what = *rc::gen::inRange(0, 5);
    if (what == 0) port.to = {"10.10.10.99:1"};
    if (what == 1) port.active = false;
    if (what == 2) port.port += 100;
  }
  const bool without_some = *rc::gen::arbitrary<bool>();
  auto& all = there.machines;
  if (without_some && !all.empty())
    all.erase(all.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(all.size())));
  return there;
}

/// Options whose consents let every difference be settled.
Options any_options() {
  return test::with_key(*rc::gen::element<std::string>(test::kTemplateKey, ""));
}

RC_GTEST_PROP(Law, ApplyThenPlanIsEmpty, ()) {
  const auto lab = any_lab();
  auto there = any_host(lab);
  const auto options = any_options();
  const auto plan = make_plan(lab, there, options);
  RC_ASSERT(plan.refusals.empty());
  test::apply_all(lab, there, plan, options.template_key);
  RC_ASSERT(make_plan(lab, there, options).empty());
}

RC_GTEST_PROP(Law, TheSameValuesGiveTheSamePlan, ()) {
  const auto lab = any_lab();
  const auto there = any_host(lab);
  RC_ASSERT(to_text(to_json(make_plan(lab, there, any_options()))).size() > 0U);
  RC_ASSERT(to_text(to_json(make_plan(lab, there, test::with_key()))) ==
            to_text(to_json(make_plan(lab, there, test::with_key()))));
}

RC_GTEST_PROP(Law, StepsStandInAnOrderThatRespectsTheEdges, ()) {
  const auto lab = any_lab();
  const auto plan = make_plan(lab, any_host(lab), any_options());
  std::set<std::string> ids;
  for (const auto& step : plan.steps) RC_ASSERT(ids.insert(step.id).second);
  for (const auto& [before, after] : plan.edges) RC_ASSERT(before < after && after < plan.steps.size());
}

/// What the journal of a run that did the first `done` steps says.
Options after_crash(Options options, const Plan& plan, std::size_t done) {
  for (std::size_t i = done; i < plan.steps.size(); ++i) options.unfinished.insert(plan.steps[i].id);
  return options;
}

RC_GTEST_PROP(Law, EveryPrefixThenPlanConverges, ()) {
  const auto lab = any_lab();
  auto there = any_host(lab);
  const auto options = any_options();
  const auto plan = make_plan(lab, there, options);
  const auto done = *rc::gen::inRange<std::size_t>(0, plan.steps.size() + 1);
  Simulator simulator(lab, there, options.template_key);
  for (std::size_t i = 0; i < done; ++i) simulator.apply(plan.steps[i]);
  const auto next = make_plan(lab, there, after_crash(options, plan, done));
  RC_ASSERT(next.refusals.empty());
  test::apply_all(lab, there, next, options.template_key);
  RC_ASSERT(make_plan(lab, there, options).empty());
}

/// Killed in the middle of a clone: the guest is there, locked, with or without a name yet.
RC_GTEST_PROP(Law, ACloneKilledHalfwayIsMadeAnew, ()) {
  const auto lab = any_lab();
  auto there = *rc::gen::arbitrary<bool>() ? test::empty_node() : test::real_host();
  const auto plan = make_plan(lab, there, test::with_key());
  RC_PRE(!lab.machines.empty());
  Simulator simulator(lab, there, test::kTemplateKey);
  std::size_t done = 0;
  while (plan.steps[done].kind != StepKind::clone) simulator.apply(plan.steps[done++]);
  simulator.apply(plan.steps[done]);
  auto& half = test::guest(there, plan.steps[done].vmid.value);
  half.lock = "clone";
  if (*rc::gen::arbitrary<bool>()) half.name.clear(), half.tags.clear(), half.mark.clear();
  const auto next = make_plan(lab, there, after_crash(test::with_key(), plan, done));
  RC_ASSERT(next.refusals.empty());
  test::apply_all(lab, there, next);
  RC_ASSERT(make_plan(lab, there, test::with_key()).empty());
}

/// Whatever is there and whatever the file says: a guest that is not proven ours is never touched.
RC_GTEST_PROP(Law, WhatIsNotOursIsNeverTouched, ()) {
  const auto lab = any_lab();
  auto there = any_host(lab);
  std::set<Vmid> others;
  for (auto& machine : there.machines) {
    const int what = *rc::gen::inRange(0, 6);
    if (what == 0)
      machine.uuid = "11111111-2222-4333-8444-555555555555", machine.power = model::Power::running;
    if (what == 1) machine.tags = {"hlid"}, machine.power = model::Power::running;
    if (what == 2) machine.name = "else", machine.mark.clear();
    if (!is_ours(machine, lab.name)) others.insert(machine.vmid);
  }
  Options options = any_options();
  for (const auto& machine : there.machines)
    options.allow.insert({"destroy=" + machine.name, "replace=" + machine.name});
  for (const auto& plan : {make_plan(lab, there, options), make_destroy_plan(lab, there, {{}, true, {}})}) {
    for (const auto& step : plan.steps) {
      const bool is_kept = others.count(step.vmid) == 0;
      RC_ASSERT(is_kept || !plan.refusals.empty());
      RC_ASSERT(is_kept || step.kind == StepKind::build_template || step.kind == StepKind::upload_template ||
                step.kind == StepKind::create_template);
    }
  }
}

RC_GTEST_PROP(Law, WithoutConsentNothingIsReplacedOrDestroyed, ()) {
  const auto lab = any_lab();
  auto there = any_host(lab);
  auto smaller = lab;
  if (!smaller.machines.empty()) smaller.machines.pop_back();
  for (auto& machine : smaller.machines)
    if (*rc::gen::arbitrary<bool>()) machine.disk = gib(*rc::gen::inRange(4, 60));
  const auto plan = make_plan(smaller, there, test::with_key("another"));
  for (const auto& step : plan.steps) RC_ASSERT(step.disruption < model::Disruption::replace);
}

RC_GTEST_PROP(Law, AfterDestroyNothingOfOursIsLeft, ()) {
  const auto lab = any_lab();
  auto there = any_host(lab);
  there.machines.push_back(test::foreign(99999, "nas"));
  const auto plan = make_destroy_plan(lab, there, {{}, true, {}});
  RC_ASSERT(plan.refusals.empty());
  test::apply_all(lab, there, plan);
  RC_ASSERT(there.machines.size() == 1U && there.machines[0].name == "nas");
}

}  // namespace
}  // namespace hlid::plan
