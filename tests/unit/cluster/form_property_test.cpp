// From whatever state faults leave behind, asking again makes the one cluster.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "cluster/form.h"
#include "cluster/readiness.h"
#include "support/cluster_world.h"

namespace hlid::cluster {
namespace {

const Materials kMaterials{"docker.io/kube-vip/kube-vip:v0.8.7"};

void bring_up(test::ClusterWorld& world) {
  const auto site = world.site();
  form(site, "m-1", kMaterials);
  for (const auto& machine : world.lab.machines)
    if (machine.name != "m-1") join(site, machine.name, kMaterials);
  settle(site);
}

/// Watches each second what must never be.
class Watcher {
 public:
  explicit Watcher(test::ClusterWorld& world) : world_(world) {
    world.sim.on_second = [this] { look(); };
  }
  std::string complaint;

 private:
  void look() {
    std::set<int> alive;
    for (const auto& m : world_.sim.machines)
      if (m.data) alive.insert(m.data->cluster);
    if (alive.size() > 1) complain("two clusters");
    for (const int cluster : alive) {
      if (world_.sim.quorum(cluster)) {
        boots_ = boots();
      } else if (!boots_.empty() && boots_ == boots()) {
        complain("the quorum is lost");
      }
    }
  }
  /// How often each machine came up; a power cut or a machine made anew is the test's doing, and what follows
  /// of it too.
  std::vector<int> boots() const {
    std::vector<int> all;
    for (const auto& m : world_.sim.machines) all.push_back(m.running ? m.boots : 0);
    return all;
  }
  void complain(const std::string& text) {
    if (complaint.empty()) complaint = text + " in second " + std::to_string(world_.sim.now);
  }

  test::ClusterWorld& world_;
  std::vector<int> boots_;  ///< when the quorum was there last
};

enum class Fault { kill_before, kill_after, cut, rebuild, fall_asleep };

struct Event {
  Fault fault = Fault::kill_before;
  int call = 1;        ///< at which call
  int machine = 0;     ///< which is rebuilt
  int off = 0;         ///< which are without power all the while: a bit each
  int afterwards = 0;  ///< seconds before the next try
};

std::ostream& operator<<(std::ostream& out, const Event& event) {
  static const char* const names[] = {"kill before", "kill after", "cut", "rebuild", "sleep"};
  return out << names[static_cast<int>(event.fault)] << " call " << event.call << " machine " << event.machine
             << " then " << event.afterwards << " s";
}

rc::Gen<Event> any_event() {
  return rc::gen::build<Event>(
      rc::gen::set(&Event::fault, rc::gen::element(Fault::kill_before, Fault::kill_after, Fault::cut,
                                                   Fault::rebuild, Fault::fall_asleep)),
      rc::gen::set(&Event::call, rc::gen::inRange(1, 160)),
      rc::gen::set(&Event::machine, rc::gen::inRange(0, 5)),
      rc::gen::set(&Event::off, rc::gen::oneOf(rc::gen::just(0), rc::gen::inRange(0, 32))),
      rc::gen::set(&Event::afterwards, rc::gen::element(0, 1, 7, 40, 200)));
}

/// A machine whose loss leaves the cluster a majority, or one that holds no data at all.
bool may_be_lost(test::ClusterWorld& world, const test::SimMachine& m) {
  if (!m.data) return true;
  auto& cluster = world.sim.clusters.at(static_cast<std::size_t>(m.data->cluster));
  const auto* member = world.sim.member_of(const_cast<test::SimMachine&>(m));
  if (member == nullptr || member->learner) return true;
  const int left = world.sim.alive_voters(m.data->cluster) - (m.etcd_alive ? 1 : 0);
  return left > cluster.voters() / 2;
}

void everything_on(test::ClusterWorld& world) {
  for (auto& m : world.sim.machines) world.sim.power_on(m);
  world.pass(std::chrono::seconds(10));
}

void happen(test::ClusterWorld& world, const Event& event) {
  auto& m = world.sim.machines.at(static_cast<std::size_t>(event.machine) % world.sim.machines.size());
  if (event.fault == Fault::rebuild && may_be_lost(world, m)) world.sim.rebuild(m);
  if (event.fault == Fault::kill_before) world.kill_before = event.call;
  if (event.fault == Fault::kill_after) world.kill_after = event.call;
  if (event.fault == Fault::cut) world.cut_at = event.call;
  if (event.fault == Fault::fall_asleep) {
    for (auto& one : world.sim.machines) world.sim.cut_power(one);
    everything_on(world);
  }
  for (std::size_t i = 0; i < world.sim.machines.size(); ++i)
    if ((event.off >> i & 1) != 0) world.sim.cut_power(world.sim.machines[i]);
  try {
    bring_up(world);
  } catch (const test::Killed&) {
  } catch (const Error&) {  // a machine without power cannot be helped
  }
  world.kill_before.reset();
  world.kill_after.reset();
  world.cut_at.reset();
  world.pass(std::chrono::seconds(event.afterwards));
  everything_on(world);
}

RC_GTEST_PROP(FormProperty, WhateverHappensAskingAgainMakesTheOneCluster, ()) {
  const int servers = *rc::gen::element(1, 3);
  test::ClusterWorld world(servers, *rc::gen::inRange(0, 3), *rc::gen::arbitrary<bool>());
  Watcher watcher(world);
  const auto events =
      *rc::gen::container<std::vector<Event>>(*rc::gen::inRange<std::size_t>(0, 9), any_event());
  for (const auto& event : events) {
    happen(world, event);
    RC_ASSERT(watcher.complaint == "");
  }
  try {
    bring_up(world);
  } catch (const Error& error) {
    RC_FAIL(std::string(error.what()));
  }
  RC_ASSERT(watcher.complaint == "");
  const auto observed = observe(world.site());
  RC_ASSERT(observed.voters() == servers);
  for (const auto& readiness : look(world.site(), observed)) {
    RC_LOG() << readiness.because;
    RC_ASSERT(readiness.ready());
  }
}

}  // namespace
}  // namespace hlid::cluster
