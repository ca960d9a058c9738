// Laws of the plan of a cluster, whatever befell it and whatever the file says now. The simulated cluster
// throws when a step would do what etcd or Kubernetes refuses, or when the quorum is lost.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/plan_cluster.h"

namespace hlid::plan {
namespace {

using test::FormedLab;

std::unique_ptr<FormedLab> any_formed() {
  return test::formed(test::cluster_lab(*rc::gen::element(1, 3, 5), *rc::gen::inRange(0, 4)));
}

/// Something happens to a member, so long as a majority of servers is left alone.
void trouble(FormedLab& world) {
  std::size_t servers = world.cluster.members().size();
  auto may_harm = (servers - 1) / 2;
  const auto machines = world.lab.machines;
  for (const auto& machine : machines) {
    const int what = *rc::gen::inRange(0, 12);
    if (what > 5) continue;
    const bool server = machine.role == model::Role::server;
    if (server && what < 4 && may_harm-- == 0) return;
    if (what == 0) world.cluster.power_cut(machine.name);
    if (what == 1) world.cluster.stop_service(machine.name);
    if (what == 2) world.cluster.destroy(machine.name);
    if (what == 3) world.cluster.wipe(machine.name);
    if (what == 4) test::guest(world.there, machine.vmid.value).cores += 1;
    if (what == 5) world.cluster.change_label_by_hand(machine.name);
  }
}

void change_machines(FormedLab& world) {
  for (auto& machine : world.lab.machines) {
    const int what = *rc::gen::inRange(0, 10);
    if (what == 0) machine.cores += 2;
    if (what == 1) machine.labels = {{"tier", "web"}};
    if (what == 2) machine.taints = {"gpu=yes:NoSchedule"};
    if (what == 3) machine.disk = gib(200);
    if (what == 4) world.options.replace.insert(machine.name);
  }
}

/// The file is written anew, with the consents that it needs.
void change_file(FormedLab& world) {
  const auto before = world.lab;
  if (*rc::gen::arbitrary<bool>()) {
    world.lab = test::cluster_lab(*rc::gen::element(1, 3, 5), *rc::gen::inRange(0, 4));
    if (*rc::gen::inRange(0, 4) == 0)
      for (auto& machine : world.lab.machines)
        if (machine.role == model::Role::server)
          machine.name = "valaskjalf-server-" + std::to_string(machine.number), machine.group = "server";
  }
  world.lab.cluster = before.cluster;
  if (*rc::gen::inRange(0, 3) == 0) world.lab.cluster->version = test::kNextRelease;
  if (*rc::gen::inRange(0, 3) == 0) world.lab.cluster->tls_san = {"odin.lan"};
  change_machines(world);
  for (const model::Homelab* lab : std::initializer_list<const model::Homelab*>{&before, &world.lab})
    for (const auto& machine : lab->machines)
      world.options.allow.insert({"destroy=" + machine.name, "replace=" + machine.name});
  world.options.cluster.servers_join_together = *rc::gen::arbitrary<bool>();
  world.options.cluster.at_hand = *rc::gen::arbitrary<bool>();
  world.cluster.look();
}

std::set<std::string> servers_of(const model::Homelab& lab) {
  std::set<std::string> names;
  for (const auto& machine : lab.machines)
    if (machine.role == model::Role::server) names.insert(machine.name);
  return names;
}

/// `up`; when the simulated cluster refuses a step, the first plan is part of the report.
void bring_up(FormedLab& world) {
  const auto plan = world.plan();
  try {
    world.up();
  } catch (const std::exception&) {
    for (const auto& step : plan.steps) RC_LOG() << step.id << "\n";
    throw;
  }
}

/// What a replacement asks for is done once.
void assert_settled(FormedLab& world) {
  world.options.replace.clear();
  const auto left = world.plan();
  if (!left.empty()) RC_LOG() << render(left);
  RC_ASSERT(left.empty());
  RC_ASSERT(world.cluster.members() == servers_of(world.lab));
}

bool is_refused(FormedLab& world) {
  const auto plan = world.plan();
  for (const auto& refusal : plan.refusals)
    RC_ASSERT(refusal.code == "last-server" || refusal.code == "vmid-taken" || refusal.code == "name-taken" ||
              refusal.code == "address-taken");
  return !plan.refusals.empty();
}

RC_GTEST_PROP(ClusterLaw, TroubleIsRepaired, ()) {
  const auto world = any_formed();
  trouble(*world);
  RC_ASSERT(world->plan().refusals.empty());
  bring_up(*world);
  bring_up(*world);
  assert_settled(*world);
}

RC_GTEST_PROP(ClusterLaw, TheFileIsFollowedAndTheQuorumKept, ()) {
  const auto world = any_formed();
  change_file(*world);
  if (is_refused(*world)) RC_DISCARD("refused");
  bring_up(*world);
  assert_settled(*world);
}

RC_GTEST_PROP(ClusterLaw, TheFileIsFollowedAfterTrouble, ()) {
  const auto world = any_formed();
  trouble(*world);
  change_file(*world);
  if (is_refused(*world)) RC_DISCARD("refused");
  bring_up(*world);
  world->options.replace.clear();
  bring_up(*world);
  assert_settled(*world);
}

RC_GTEST_PROP(ClusterLaw, EveryPrefixThenUpConverges, ()) {
  const auto world = any_formed();
  trouble(*world);
  change_file(*world);
  if (is_refused(*world)) RC_DISCARD("refused");
  const auto plan = world->plan();
  const auto done = *rc::gen::inRange<std::size_t>(0, plan.steps.size() + 1);
  for (std::size_t i = 0; i < done; ++i) world->cluster.apply(plan.steps[i]);
  for (std::size_t i = done; i < plan.steps.size(); ++i) world->options.unfinished.insert(plan.steps[i].id);
  world->options.replace.clear();
  if (is_refused(*world)) RC_DISCARD("refused");
  bring_up(*world);
  world->options.unfinished.clear();
  bring_up(*world);
  assert_settled(*world);
}

RC_GTEST_PROP(ClusterLaw, NewLabsAreFormedFromAnyPrefix, ()) {
  FormedLab world(test::cluster_lab(*rc::gen::element(1, 3, 5), *rc::gen::inRange(0, 4)));
  const auto plan = world.plan();
  const auto done = *rc::gen::inRange<std::size_t>(0, plan.steps.size() + 1);
  for (std::size_t i = 0; i < done; ++i) world.cluster.apply(plan.steps[i]);
  for (std::size_t i = done; i < plan.steps.size(); ++i) world.options.unfinished.insert(plan.steps[i].id);
  bring_up(world);
  world.options.unfinished.clear();
  bring_up(world);
  assert_settled(world);
}

RC_GTEST_PROP(ClusterLaw, StepsStandInAnOrderThatRespectsTheEdges, ()) {
  const auto world = any_formed();
  trouble(*world);
  change_file(*world);
  const auto plan = world->plan();
  std::set<std::string> ids;
  for (const auto& step : plan.steps) RC_ASSERT(ids.insert(step.id).second);
  for (const auto& [before, after] : plan.edges) RC_ASSERT(before < after && after < plan.steps.size());
}

}  // namespace
}  // namespace hlid::plan
