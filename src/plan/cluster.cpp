// The cluster: its members from what they are to what the file says. Which machine needs which step is
// decided machine by machine; what waits for what is in cluster_order.cpp.
#include "plan/cluster.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "model/node_marks.h"

namespace hlid::plan {
namespace {

using model::Disruption;
using model::Machine;
using model::Role;

class ClusterPlanner {
 public:
  explicit ClusterPlanner(Draft& draft) : draft_(draft), goal_(draft.options.cluster) {
    version_ = goal_.version.empty() ? draft.wanted.cluster->version : goal_.version;
    steps_.version = version_;
  }

  ClusterSteps plan() {
    for (const auto& machine : draft_.wanted.machines)
      if (machine.role != Role::plain) member(machine);
    settle();
    snapshot();
    return std::move(steps_);
  }

 private:
  Step step(StepKind kind, const Machine& machine, std::vector<std::string> reasons = {},
            Disruption disruption = Disruption::none) const {
    return make_step(kind, machine.name, machine.vmid, machine.node, disruption, std::move(reasons));
  }

  Step entry(StepKind kind, const Machine& machine, std::vector<std::string> reasons) const {
    auto entering = step(kind, machine, std::move(reasons));
    if (!version_.empty()) entering.details = {{"version", version_}};
    return entering;
  }

  std::string release() const { return draft_.wanted.cluster->distribution + " " + version_; }

  /// One machine, in the order in which its steps follow each other.
  void member(const Machine& machine) {
    const bool is_new = draft_.made.count(machine.name) != 0 || !exists(machine);
    if (is_new || draft_.members.is_bare(machine.name) || !draft_.members.knows(machine.name))
      return enter(machine, is_new);
    if (founds(machine)) return form(machine);
    if (!draft_.members.answers()) return repair(machine, "the cluster does not answer");
    const auto ailment = draft_.members.ailment(machine.name, machine.role == Role::server);
    if (!ailment) reconfigure(machine);
    const bool unseen = draft_.ready.count(machine.name) != 0 && !draft_.members.reachable(machine.name);
    const bool mends = ailment && !unseen && machine.role == Role::server && is_only_ill_server(machine.name);
    if (ailment && unseen) install_if_bare(machine);
    if (ailment && !(mends && is_outdated(machine))) repair(machine, *ailment);
    if (!upgrade(machine, mends)) come_back(machine);
    label(machine);
  }

  /// Refused or not made for another reason: then the plan is not run anyway.
  bool exists(const Machine& machine) const {
    const auto* there = draft_.index.at(machine.vmid);
    return there != nullptr && there->name == machine.name;
  }

  // --- entering

  void enter(const Machine& machine, bool is_new) {
    forget_former(machine);
    steps_.installs[machine.name] = draft_.add(install_step(machine, is_new), {fetched()});
    if (founds(machine)) return form(machine);
    const auto joined = draft_.add(entry(StepKind::join_cluster, machine, is_new ? none() : not_a_member()));
    (machine.role == Role::server ? steps_.server_joins : steps_.agent_joins).push_back(joined);
    steps_.joined[machine.name] = joined;
    if (machine.labels.empty() && machine.taints.empty()) return;
    steps_.labels[machine.name] = draft_.add(step(StepKind::label_member, machine), {joined});
  }

  /// What is in a machine that has yet to be started does not show: a member that was off, or what a run that
  /// was interrupted made anew in its place.
  void install_if_bare(const Machine& machine) {
    auto install = step(StepKind::install_release, machine, {"if it was made anew"});
    install.details = {{"version", version_}, {"if_bare", "1"}};
    install.resource = "install:" + machine.node;
    steps_.installs[machine.name] = draft_.add(std::move(install));
  }

  /// Etcd still counts a server of that name, and would take no new one while that is silent.
  void forget_former(const Machine& machine) {
    if (draft_.members.member(machine.name) == nullptr || draft_.left.count(machine.name) != 0) return;
    steps_.forgets[machine.name] =
        draft_.add(step(StepKind::forget_member, machine, {"its former machine is gone"}));
  }

  static std::vector<std::string> none() { return {}; }
  static std::vector<std::string> not_a_member() { return {"is not a member"}; }

  Step install_step(const Machine& machine, bool is_new) const {
    auto install = step(StepKind::install_release, machine);
    install.details = {{"version", version_}};
    install.resource = "install:" + machine.node;
    const auto* inside = draft_.members.inside(machine.name);
    if (is_new || inside == nullptr || inside->installed.empty() || inside->installed == version_)
      return install;
    install.details["replace"] = "1";  // it never was a member, so nothing was started with it
    install.reasons = {fmt::format("{} → {}", inside->installed, version_)};
    return install;
  }

  std::optional<std::size_t> fetched() {
    if (goal_.at_hand) return std::nullopt;
    if (!steps_.fetch) {
      auto fetch =
          make_step(StepKind::fetch_release, release(), {}, draft_.first_node(), Disruption::none, {});
      fetch.details = {{"version", version_}};
      steps_.fetch = draft_.add(std::move(fetch));
    }
    return steps_.fetch;
  }

  // --- founding

  /// A new cluster is founded by one server, which an interrupted run may have chosen already; one that does
  /// not answer wakes when all that have its data do.
  bool founds(const Machine& machine) {
    switch (draft_.members.formation()) {
      case Formation::never:
        return machine.name == founder();
      case Formation::silent:
        return machine.role == Role::server && draft_.made.count(machine.name) == 0 &&
               draft_.members.has_datastore(machine.name);
      case Formation::none:
      case Formation::unseen:
      case Formation::answers:
        return false;
    }
    return false;
  }

  std::string founder() const {
    std::string first;
    for (const auto& machine : draft_.wanted.machines) {
      if (machine.role != Role::server) continue;
      const auto* inside = draft_.members.inside(machine.name);
      const bool begun =
          inside != nullptr && inside->unit == Role::server && draft_.made.count(machine.name) == 0;
      if (begun) return machine.name;
      if (first.empty()) first = machine.name;
    }
    return first;
  }

  void form(const Machine& machine) {
    const bool wakes = draft_.members.formation() == Formation::silent;
    auto forming = entry(StepKind::form_cluster, machine,
                         wakes ? std::vector<std::string>{"the cluster does not answer"} : none());
    const auto formed = draft_.add(std::move(forming));
    steps_.forms.push_back(formed);
    steps_.joined[machine.name] = formed;
    if (machine.labels.empty() && machine.taints.empty()) return;
    if (!wakes) steps_.labels[machine.name] = draft_.add(step(StepKind::label_member, machine), {formed});
  }

  // --- members

  void repair(const Machine& machine, const std::string& reason) {
    const auto joined = draft_.add(entry(StepKind::join_cluster, machine, {reason}));
    repairs_of(machine).push_back(joined);
    steps_.joined[machine.name] = joined;
  }
  std::vector<std::size_t>& repairs_of(const Machine& machine) {
    return machine.role == Role::server ? steps_.server_repairs : steps_.agent_repairs;
  }

  /// Cordoned for a restart or an upgrade that was interrupted.
  void come_back(const Machine& machine) {
    const auto* node = draft_.members.node(machine.name);
    const auto& turns = draft_.interruptions;
    const bool returns_anyway =
        std::any_of(turns.begin(), turns.end(), [&](const auto& one) { return one.machine == machine.name; });
    if (node == nullptr || node->labels.count(model::kParkedLabel) == 0 || returns_anyway) return;
    const auto joined = steps_.joined.find(machine.name);
    const auto after = joined == steps_.joined.end() ? std::nullopt : std::optional(joined->second);
    repairs_of(machine).push_back(draft_.add(
        step(StepKind::return_member, machine, {"an interrupted run took it out of service"}), {after}));
  }

  void label(const Machine& machine) {
    const auto* node = draft_.members.node(machine.name);
    if (node == nullptr) return;
    const auto change = model::diff_marks(machine, *node);
    if (change.empty()) return;
    auto reasons = change.reasons;
    if (reasons.empty()) reasons.emplace_back("records which labels are the file's");
    const auto joined = steps_.joined.find(machine.name);
    steps_.labels[machine.name] =
        draft_.add(step(StepKind::label_member, machine, reasons, Disruption::live),
                   {joined == steps_.joined.end() ? std::nullopt : std::optional(joined->second)});
  }

  void reconfigure(const Machine& machine) {
    const auto* inside = draft_.members.inside(machine.name);
    if (inside == nullptr || inside->pending_config.empty()) return;
    auto changing =
        step(StepKind::reconfigure_member, machine,
             {fmt::format("configuration: {}", join(inside->pending_config, ", "))}, Disruption::live);
    reconfigured_.insert(machine.name);
    add_rolling(std::move(changing), machine, steps_.server_reconfigures, steps_.agent_reconfigures);
  }

  /// An upgrade that was interrupted is gone on with, which mends the server; of several ill ones none may be
  /// upgraded before the others are well.
  bool is_only_ill_server(const std::string& name) const {
    const auto counted = draft_.members.counted();
    return std::none_of(counted.begin(), counted.end(), [&](const auto& other) {
      return other != name && draft_.members.ailment(other, true);
    });
  }

  bool is_outdated(const Machine& machine) const {
    const auto runs = draft_.members.version(machine.name);
    if (version_.empty() || runs.empty() || runs == version_ || !goal_.upgrade_refused.empty()) return false;
    const auto done = steps_.server_upgrades.size() + steps_.agent_upgrades.size();
    return draft_.options.most_upgrades == 0 || done < draft_.options.most_upgrades;
  }

  bool upgrade(const Machine& machine, bool mends) {
    if (!is_outdated(machine)) return false;
    const auto runs = draft_.members.version(machine.name);
    auto upgrading =
        step(StepKind::upgrade_member, machine, {fmt::format("{} → {}", runs, version_)}, Disruption::live);
    upgrading.details = {{"version", version_}};
    const auto fetch = fetched();
    const auto added =
        add_rolling(std::move(upgrading), machine, steps_.server_upgrades, steps_.agent_upgrades, mends);
    if (mends) ++steps_.mends;
    if (fetch) draft_.plan.edges.emplace_back(*fetch, added);
    return true;
  }

  /// Servers take turns, whom etcd follows last; agents go side by side, so many as the file allows.
  std::size_t add_rolling(Step step, const Machine& machine, std::vector<std::size_t>& servers,
                          std::vector<std::size_t>& agents, bool first = false) {
    if (machine.role == Role::agent) step.resource = kRollingAgents;
    const auto added = draft_.add(std::move(step));
    if (machine.role == Role::agent) {
      agents.push_back(added);
    } else if (first) {
      servers.insert(servers.begin(), added);
    } else {
      const bool second_last =
          !servers.empty() && draft_.members.leads(draft_.plan.steps[servers.back()].subject);
      servers.insert(second_last ? servers.end() - 1 : servers.end(), added);
    }
    return added;
  }

  void snapshot() {
    if (steps_.server_upgrades.empty()) return;
    steps_.snapshot = draft_.add(make_step(StepKind::snapshot_cluster, draft_.lab(), {}, draft_.first_node(),
                                           Disruption::none, {"before the upgrade"}));
  }

  // --- all together

  /// Who founds or joins, and who has something else on its disk. Servers do not wait for agents with it:
  /// until then one that lost its disk might take itself for the first.
  void settle() {
    std::vector<std::string> stale;
    for (const auto& machine : draft_.wanted.machines) {
      const auto* inside = draft_.members.inside(machine.name);
      if (inside == nullptr || !inside->reachable || !inside->config_stale) continue;
      const bool written_anyway =
          draft_.made.count(machine.name) != 0 || reconfigured_.count(machine.name) != 0;
      if (!written_anyway) stale.push_back(machine.name);
    }
    const bool servers_enter = !steps_.server_joins.empty() ||
                               (!steps_.forms.empty() && draft_.members.formation() == Formation::never);
    if (servers_enter || (!stale.empty() && steps_.agent_joins.empty()))
      steps_.settle = draft_.add(settling(draft_.lab(), servers_enter ? none() : not_written(stale)));
    if (!steps_.agent_joins.empty())
      steps_.settle_agents = draft_.add(settling(draft_.lab() + " (agents)", none()), {steps_.settle});
  }

  Step settling(const std::string& subject, std::vector<std::string> reasons) const {
    return make_step(StepKind::settle_cluster, subject, {}, draft_.first_node(), Disruption::none,
                     std::move(reasons));
  }

  static std::vector<std::string> not_written(const std::vector<std::string>& names) {
    return {fmt::format("not yet written on {}", join(names, ", "))};
  }

  Draft& draft_;
  const ClusterGoal& goal_;
  std::string version_;
  ClusterSteps steps_;
  std::set<std::string> reconfigured_;
};

/// Nothing of the cluster is decided before its servers were seen.
void look_later(Draft& draft) {
  draft.plan.look_again = true;
  for (const auto& machine : draft.wanted.machines) {
    const auto* there = draft.index.at(machine.vmid);
    const bool silent = machine.role == Role::server && there != nullptr && there->name == machine.name &&
                        there->power == model::Power::running && !draft.members.reachable(machine.name) &&
                        draft.ready.count(machine.name) == 0;
    if (!silent) continue;
    draft.ready[machine.name] =
        draft.add(make_step(StepKind::wait_ready, machine.name, machine.vmid, machine.node, Disruption::none,
                            {"could not be looked into"}));
  }
  draft.notice("cluster-unseen", draft.wanted.cluster->distribution,
               "what the cluster needs shows when its servers run; 'up' looks again then");
}

bool servers_are_off(const Draft& draft) {
  return std::any_of(draft.wanted.machines.begin(), draft.wanted.machines.end(), [&](const auto& machine) {
    const auto* there = draft.index.at(machine.vmid);
    return machine.role == Role::server && there != nullptr && there->name == machine.name &&
           draft.made.count(machine.name) == 0 && there->power != model::Power::running;
  });
}

}  // namespace

void plan_cluster(Draft& draft) {
  if (!draft.wanted.cluster) return;
  check_cluster(draft);
  const auto formation = draft.members.formation();
  const bool asleep = formation == Formation::silent && servers_are_off(draft);
  if (formation == Formation::unseen || asleep) return look_later(draft);
  order_cluster(draft, ClusterPlanner(draft).plan());
}

}  // namespace hlid::plan
