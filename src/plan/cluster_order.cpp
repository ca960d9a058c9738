// What waits for what in the cluster.
//
// Servers first. They are made whole: members start again, dead ones are forgotten, machines made anew join
// in their place. Then, one server at a time, whatever takes it away for a while: restarts, new
// configurations, upgrades, new machines. Then further servers come, with the release that all have now;
// last, who leaves, so that the cluster grows before it shrinks. A server that takes the place (number or
// address) of one that leaves comes after it, and the next one leaves after that. Agents follow the servers:
// none is ever newer than one of those.
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/toposort.h"
#include "plan/cluster.h"

namespace hlid::plan {
namespace {

using Index = std::size_t;
using Some = std::vector<Index>;

/// Edges between steps, some only where they do not contradict those that are there.
class Edges {
 public:
  explicit Edges(Plan& plan) : plan_(plan) {}

  void add(Index before, Index after) {
    if (before != after) plan_.edges.emplace_back(before, after);
  }
  void add(const Some& before, Index after) {
    for (const auto one : before) add(one, after);
  }
  void add_if_free(Index before, Index after) {
    if (before != after && !reaches(after, before)) add(before, after);
  }
  void add_if_free(const Some& before, Index after) {
    for (const auto one : before) add_if_free(one, after);
  }

 private:
  bool reaches(Index from, Index to) const {
    std::vector<Some> next(plan_.steps.size());
    for (const auto& [before, after] : plan_.edges) next[before].push_back(after);
    std::vector<bool> seen(next.size());
    Some open{from};
    while (!open.empty()) {
      const auto at = open.back();
      open.pop_back();
      if (at == to) return true;
      if (seen[at]) continue;
      seen[at] = true;
      open.insert(open.end(), next[at].begin(), next[at].end());
    }
    return false;
  }

  Plan& plan_;
};

class Order {
 public:
  Order(Draft& draft, const ClusterSteps& steps) : draft_(draft), steps_(steps), edges_(draft.plan) {}

  void arrange() {
    enter();
    make_servers_whole();
    take_turns();
    grow();
    part();
    follow();
    if (!draft_.options.cluster.servers_join_together) join_in_turn();
    settle();
  }

 private:
  const Step& step(Index index) const { return draft_.plan.steps[index]; }
  std::optional<Index> joined(const std::string& name) const {
    const auto found = steps_.joined.find(name);
    return found == steps_.joined.end() ? std::nullopt : std::optional(found->second);
  }
  bool is_wanted_server(const std::string& name) const {
    const auto& machines = draft_.wanted.machines;
    return std::any_of(machines.begin(), machines.end(), [&](const auto& machine) {
      return machine.name == name && machine.role == model::Role::server;
    });
  }

  /// From a machine that can be entered to a member. A cluster is founded when all servers were seen; agents
  /// need not be there.
  void enter() {
    for (const auto& [name, ready] : draft_.ready) {
      if (const auto install = steps_.installs.find(name); install != steps_.installs.end())
        edges_.add(ready, install->second);
      if (const auto join = joined(name)) edges_.add(ready, *join);
      if (draft_.members.formation() != Formation::never || !is_wanted_server(name)) continue;
      for (const auto form : steps_.forms) edges_.add(ready, form);
    }
    for (const auto& [name, install] : steps_.installs)
      if (const auto join = joined(name)) edges_.add(install, *join);
    for (const auto* joins :
         {&steps_.server_repairs, &steps_.agent_repairs, &steps_.server_joins, &steps_.agent_joins})
      for (const auto join : *joins) edges_.add(steps_.forms, join);
  }

  // --- servers

  /// Etcd takes no new member while one is silent: who is a member starts, and the dead are forgotten, before
  /// anybody joins, also who only turns out to be new when its machine runs. Three are safer than two: the
  /// lost ones are back before anything else.
  void make_servers_whole() {
    auto lost = steps_.forgets;
    for (const auto& [name, parting] : draft_.left)
      if (step(parting).kind == StepKind::forget_member) lost.emplace(name, parting);
    Some sure, unseen;
    for (const auto repair : steps_.server_repairs)
      (steps_.installs.count(step(repair).subject) != 0 ? unseen : sure).push_back(repair);
    turn_ = sure;
    for (const auto& [name, forgotten] : lost) turn_.push_back(forgotten);
    for (const auto repair : unseen) edges_.add(turn_, repair);
    for (const auto join : steps_.server_joins) {
      edges_.add_if_free(turn_, join);
      edges_.add_if_free(unseen, join);
    }
    turn_.insert(turn_.end(), unseen.begin(), unseen.end());
    turn_.insert(turn_.end(), steps_.forms.begin(), steps_.forms.end());
    for (const auto& [name, forgotten] : lost)
      if (const auto join = joined(name); join && is_wanted_server(name)) turn_.push_back(*join);
  }

  /// One after the other. An upgrade that was interrupted on a server is the cure for it, so it is first.
  void take_turns() {
    const auto& upgrades = steps_.server_upgrades;
    const auto mends = upgrades.begin() + static_cast<std::ptrdiff_t>(steps_.mends);
    if (steps_.snapshot && steps_.mends > 0) next(*steps_.snapshot);
    std::for_each(upgrades.begin(), mends, [&](Index one) { next(one); });
    const auto away = interruptions(true);
    for (const auto& one : away)
      if (!is_made_anew(one)) next(one);
    for (const auto one : steps_.server_reconfigures) next(one);
    if (steps_.snapshot && steps_.mends == 0) next(*steps_.snapshot);
    std::for_each(mends, upgrades.end(), [&](Index one) { next(one); });
    for (const auto& one : away)  // they come back with the new release
      if (is_made_anew(one)) next(one);
  }

  /// Whom etcd follows last. The dead have no turn: nobody waits for them to leave.
  std::vector<Draft::Interruption> interruptions(bool servers) const {
    auto all = draft_.interruptions;
    std::erase_if(all, [&](const auto& one) {
      return step(one.first).kind == StepKind::forget_member ||
             draft_.members.is_server(one.machine) != servers;
    });
    std::stable_partition(all.begin(), all.end(),
                          [&](const auto& one) { return !draft_.members.leads(one.machine); });
    return all;
  }
  bool is_made_anew(const Draft::Interruption& one) const {
    return step(one.first).kind == StepKind::leave_cluster;
  }
  void next(Index one) {
    edges_.add_if_free(turn_, one);
    turn_ = {one};
  }
  void next(const Draft::Interruption& one) {
    edges_.add_if_free(turn_, one.first);
    const auto join = draft_.made.count(one.machine) != 0 ? joined(one.machine) : std::nullopt;
    turn_ = {join.value_or(one.last)};
  }

  void grow() {
    if (!steps_.server_upgrades.empty())
      for (const auto join : steps_.server_joins) edges_.add_if_free(steps_.server_upgrades.back(), join);
  }

  /// Servers that leave for good, or give their place to another, one by one.
  void part() {
    for (const auto& [name, parting] : draft_.left)
      if (draft_.members.is_server(name)) partings_.push_back(parting);
    std::sort(partings_.begin(), partings_.end(), [&](Index a, Index b) {
      const auto lives = [&](Index index) { return step(index).kind == StepKind::leave_cluster; };
      return std::pair(lives(a), a) < std::pair(lives(b), b);
    });
    for (const auto parting : partings_)
      if (step(parting).kind == StepKind::leave_cluster) {
        edges_.add_if_free(turn_, parting);
        edges_.add_if_free(steps_.server_joins, parting);
      }
    for (std::size_t i = 1; i < partings_.size(); ++i) edges_.add_if_free(partings_[i - 1], partings_[i]);
  }

  /// In the order that all else allows.
  void join_in_turn() {
    auto joins = steps_.server_joins;
    const auto order = toposort(draft_.plan.steps.size(), draft_.plan.edges);
    if (!order) return;  // told by sort_steps
    std::vector<Index> place(order->size());
    for (Index i = 0; i < order->size(); ++i) place[(*order)[i]] = i;
    std::sort(joins.begin(), joins.end(), [&](Index a, Index b) { return place[a] < place[b]; });
    for (std::size_t i = 1; i < joins.size(); ++i) edges_.add(joins[i - 1], joins[i]);
  }

  // --- agents

  /// Restarts and new machines one by one after those of the servers; what comes with another release after
  /// every server that has the old one.
  void follow() {
    Some newer = steps_.server_upgrades;
    for (const auto parting : partings_)
      if (draft_.members.version(step(parting).subject) != steps_.version) newer.push_back(parting);
    for (const auto* agents : {&steps_.agent_repairs, &steps_.agent_joins, &steps_.agent_upgrades})
      for (const auto agent : *agents) edges_.add_if_free(newer, agent);
    for (const auto& one : interruptions(false)) next(one);
    for (const auto* agents : {&steps_.agent_reconfigures, &steps_.agent_upgrades})
      for (const auto agent : *agents) edges_.add_if_free(turn_, agent);
    for (const auto upgrade : steps_.agent_upgrades)
      if (const auto join = joined(step(upgrade).subject)) edges_.add_if_free(*join, upgrade);
  }

  void settle() {
    if (steps_.settle_agents) edges_.add(steps_.agent_joins, *steps_.settle_agents);
    if (!steps_.settle) return;
    for (const auto* before : {&steps_.forms, &steps_.server_repairs, &steps_.server_joins})
      edges_.add(*before, *steps_.settle);
  }

  Draft& draft_;
  const ClusterSteps& steps_;
  Edges edges_;
  Some turn_;      ///< the steps before whose end nobody else's turn is
  Some partings_;  ///< of servers, the dead ones first
};

/// Steps in an order that respects all edges, as much as it was as possible.
void sort_steps(Plan& plan) {
  const auto backwards = [](const auto& edge) { return edge.first > edge.second; };
  if (std::none_of(plan.edges.begin(), plan.edges.end(), backwards)) return;
  const auto order = toposort(plan.steps.size(), plan.edges);
  if (!order) throw Error(Errc::failed, "the plan's steps wait for each other");
  std::vector<std::size_t> place(order->size());
  std::vector<Step> steps;
  for (std::size_t i = 0; i < order->size(); ++i) {
    place[(*order)[i]] = i;
    steps.push_back(std::move(plan.steps[(*order)[i]]));
  }
  plan.steps = std::move(steps);
  for (auto& [before, after] : plan.edges) before = place[before], after = place[after];
}

/// What needs the release, and what needs that.
void set_aside_waiting(Draft& draft) {
  const auto& missing = draft.options.cluster.missing;
  auto& plan = draft.plan;
  if (!missing) return;
  std::vector<bool> keep;
  for (const auto& step : plan.steps) keep.push_back(step.kind != StepKind::fetch_release);
  if (std::find(keep.begin(), keep.end(), false) == keep.end()) return;
  std::sort(plan.edges.begin(), plan.edges.end());  // the steps are sorted, so one pass is enough
  for (const auto& [before, after] : plan.edges)
    if (!keep[before]) keep[after] = false;
  Waiting waiting{"release-not-reached", missing->text, missing->hints, {}};
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    if (!keep[i]) waiting.steps.push_back(plan.steps[i]);
  plan.waiting.push_back(std::move(waiting));
  drop_steps(plan, keep);
}

/// Who is ill and stays ill forbids that another server is taken away.
void refuse_turns(Draft& draft, const ClusterSteps& steps) {
  std::vector<std::string> away;
  std::set<std::string> upgraded;  // the ill ones first, which brings them back
  for (const auto& one : draft.interruptions) away.push_back(one.machine);
  for (const auto turn : steps.server_reconfigures) away.push_back(draft.plan.steps[turn].subject);
  for (const auto turn : steps.server_upgrades) upgraded.insert(draft.plan.steps[turn].subject);
  away.insert(away.end(), upgraded.begin(), upgraded.end());
  for (const auto& name : draft.members.counted()) {
    const auto ailment = draft.members.ailment(name, true);
    const bool cared_for =
        draft.left.count(name) != 0 || steps.joined.count(name) != 0 || upgraded.count(name) != 0;
    if (!ailment || cared_for) continue;
    for (const auto& other : away) {
      if (other == name || !draft.members.is_server(other)) continue;
      return draft.refuse("quorum", other,
                          fmt::format("'{}' cannot be taken away now: server '{}' {}", other, name, *ailment),
                          fmt::format("bring '{}' back, or let it go: --allow destroy={}", name, name));
    }
  }
}

}  // namespace

void order_cluster(Draft& draft, const ClusterSteps& steps) {
  refuse_turns(draft, steps);
  Order(draft, steps).arrange();
  sort_steps(draft.plan);
  set_aside_waiting(draft);
}

}  // namespace hlid::plan
