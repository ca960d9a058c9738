#pragma once
#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

#include "model/node_marks.h"
#include "support/plan_simulator.h"

/// A cluster as a value, in the machines of a simulated hypervisor: what each step does to it, and what etcd
/// and Kubernetes would refuse. It knows the steps' meaning from step.h, nothing of how plans are made.
namespace hlid::test {

class ClusterSimulator {
 public:
  /// `lab` may be changed between steps: it is the file.
  ClusterSimulator(model::Homelab& lab, model::Observed& there, std::string template_key, std::string version)
      : lab_(lab),
        there_(there),
        machines_(lab, there, std::move(template_key)),
        version_(std::move(version)) {
    look();
  }

  void set_version(const std::string& version) { version_ = version; }

  void apply(const plan::Step& step) {
    const bool stood = has_quorum();
    machines_.apply(step);
    if (!touch(step)) act(step);
    require(!stood || members_.empty() || has_quorum(), "the quorum was lost by " + step.id);
    look();
  }

  // --- what befalls it

  void power_cut(const std::string& name) {
    guest(name).power = model::Power::stopped;
    look();
  }
  void stop_service(const std::string& name) { inside_[name].active = false, look(); }
  void make_silent(const std::string& name) { silent_.insert(name), look(); }
  void wake_agent(const std::string& name) { silent_.erase(name), look(); }
  void change_label_by_hand(const std::string& name) { nodes_[name].labels["tier"] = "by-hand", look(); }
  void cordon(const std::string& name) { nodes_[name].cordoned = true, look(); }
  /// Somebody rebuilt it: a bare machine of the old name.
  void wipe(const std::string& name) { inside_[name] = {}, look(); }
  void destroy(const std::string& name) {
    inside_.erase(name);
    std::erase_if(there_.machines, [&](const auto& machine) { return machine.name == name; });
    look();
  }

  bool has_quorum() const {
    std::size_t alive_members = 0;
    for (const auto& name : members_) alive_members += alive(name) ? 1U : 0U;
    return !members_.empty() && alive_members >= members_.size() / 2 + 1;
  }
  const std::set<std::string>& members() const { return members_; }
  bool is_node(const std::string& name) const { return nodes_.contains(name); }
  std::string runs(const std::string& name) const { return inside_.at(name).runs; }
  int snapshots() const { return snapshots_; }

  /// Writes what would be seen now.
  void look() {
    there_.cluster.reset();
    if (!lab_.cluster) return;
    model::ObservedCluster seen;
    bool any = false;
    for (const auto& machine : there_.machines) {
      const auto role = role_of(machine.name);
      const bool of_file = role != model::Role::plain;
      const bool ours = model::is_owned(machine, lab_.name) && !machine.is_template;
      if (!ours || (!of_file && !inside_.contains(machine.name))) continue;
      any = any || machine.power == model::Power::running;
      seen.machines.push_back(seen_inside(machine));
    }
    if (!any) return;
    seen.answers = has_quorum() && std::any_of(members_.begin(), members_.end(), [&](const auto& name) {
                     return alive(name) && !silent_.contains(name);
                   });
    if (seen.answers) tell_members(seen);
    there_.cluster = std::move(seen);
  }

 private:
  struct Inside {
    std::string installed, runs, config;
    model::Role unit = model::Role::plain;
    bool active = false, datastore = false, stale = false;
  };

  static void require(bool condition, const std::string& what) {
    if (!condition) throw std::logic_error(what);
  }

  model::ObservedMachine& guest(const std::string& name) {
    for (auto& machine : there_.machines)
      if (machine.name == name) return machine;
    throw std::logic_error("no machine " + name);
  }
  bool is_running(const std::string& name) const {
    return std::any_of(there_.machines.begin(), there_.machines.end(), [&](const auto& machine) {
      return machine.name == name && machine.power == model::Power::running;
    });
  }
  model::Role role_of(const std::string& name) const {
    for (const auto& machine : lab_.machines)
      if (machine.name == name) return machine.role;
    return model::Role::plain;
  }
  std::string wanted_config() const { return join(lab_.cluster->tls_san, ","); }

  bool alive(const std::string& name) const {
    const auto found = inside_.find(name);
    return found != inside_.end() && found->second.active && is_running(name);
  }
  bool is_well(const std::string& name) const { return alive(name) && nodes_.contains(name); }

  /// The rule of cluster/quorum.h: all other servers are well.
  void guard(const plan::Step& step) const {
    if (!members_.contains(step.subject)) return;
    for (const auto& name : members_)
      require(name == step.subject || is_well(name), step.id + " while " + name + " is ill");
  }

  /// Steps of machines that matter inside. True when the step is one.
  bool touch(const plan::Step& step) {
    if (plan::phase_of(step.kind) == plan::Phase::cluster) return false;
    switch (step.kind) {
      case plan::StepKind::destroy:
        inside_.erase(step.subject);
        return true;
      case plan::StepKind::start:
      case plan::StepKind::reboot: {
        silent_.erase(step.subject);
        const auto found = inside_.find(step.subject);
        if (found != inside_.end()) found->second.active = found->second.unit != model::Role::plain;
        return true;
      }
      case plan::StepKind::wait_ready:
        require(!silent_.contains(step.subject), "not ready");
        return true;
      default:
        return step.kind < plan::StepKind::drain_member;
    }
  }

  void act(const plan::Step& step) {
    switch (step.kind) {
      case plan::StepKind::drain_member:
        guard(step);
        nodes_.at(step.subject).cordoned = true;
        nodes_.at(step.subject).labels[model::kParkedLabel] = "";
        return;
      case plan::StepKind::return_member:
        require(is_well(step.subject), "does not come back: " + step.subject);
        nodes_.at(step.subject).cordoned = false;
        nodes_.at(step.subject).labels.erase(model::kParkedLabel);
        return;
      case plan::StepKind::leave_cluster:
        require(has_quorum() && alive(step.subject), "cannot leave: " + step.id);
        guard(step);
        require(members_ != std::set{step.subject}, "the last server leaves");
        return part(step.subject);
      case plan::StepKind::forget_member:
        require(has_quorum() && !alive(step.subject), "cannot be forgotten: " + step.id);
        return part(step.subject);
      case plan::StepKind::fetch_release:
        return;
      case plan::StepKind::install_release:
        require(is_running(step.subject), "installs in a machine that is off");
        if (step.details.contains("if_bare") && !inside_[step.subject].installed.empty()) return;
        require(!alive(step.subject), "installs under what runs");
        inside_[step.subject].installed = step.details.at("version");
        return;
      case plan::StepKind::form_cluster:
        return form(step.subject);
      case plan::StepKind::join_cluster:
        return joined(step.subject);
      case plan::StepKind::settle_cluster:
        require(has_quorum(), "settles nothing");
        for (auto& [name, inside] : inside_) inside.stale = inside.stale && !is_running(name);
        return;
      case plan::StepKind::label_member:
        return label(step.subject);
      case plan::StepKind::reconfigure_member:
        guard(step);
        inside_.at(step.subject).config = wanted_config();
        inside_.at(step.subject).stale = false;
        return;
      case plan::StepKind::snapshot_cluster:
        require(has_quorum(), "a snapshot of nothing");
        ++snapshots_;
        return;
      case plan::StepKind::upgrade_member:
        return upgrade(step);
      default:
        throw std::logic_error("not a step of the cluster: " + step.id);
    }
  }

  void part(const std::string& name) {
    members_.erase(name);
    nodes_.erase(name);
    if (inside_.contains(name)) inside_[name] = {};
  }

  /// As a member that it is already, it keeps the configuration that it has.
  void start(const std::string& name, bool returns) {
    auto& inside = inside_[name];
    require(is_running(name), name + " is off");
    require(!inside.installed.empty(), name + " has nothing installed");
    inside.unit = role_of(name);
    inside.active = true;
    inside.runs = inside.installed;
    if (!returns) inside.config = wanted_config(), inside.stale = true;
    if (inside.unit == model::Role::server) inside.datastore = true;
    silent_.erase(name);
  }
  void register_node(const std::string& name) {
    auto& node = nodes_[name];
    node.name = name;
    node.version = inside_.at(name).runs;
  }

  void form(const std::string& name) {
    for (const auto& machine : lab_.machines) {
      const bool exists = std::any_of(there_.machines.begin(), there_.machines.end(),
                                      [&](const auto& one) { return one.name == machine.name; });
      require(members_.contains(name) || machine.role != model::Role::server || !exists ||
                  is_running(machine.name),
              "founds before " + machine.name + " was seen");
    }
    require(members_.empty() || members_.contains(name), "founds a second cluster");
    const bool wakes = !members_.insert(name).second;
    start(name, wakes);
    register_node(name);
  }

  void joined(const std::string& name) {
    const bool server = role_of(name) == model::Role::server;
    const bool kept = inside_.contains(name) && inside_.at(name).unit == role_of(name);
    const bool returns = kept && nodes_.contains(name) && (!server || members_.contains(name));
    if (!returns) {
      nodes_.erase(name);
      members_.erase(name);
      require(has_quorum(), name + " joins what does not answer");
      for (const auto& member : members_)
        require(!server || alive(member) || joins_at_the_same_time(member),
                name + " joins while " + member + " is dead");
      if (server) members_.insert(name);
    }
    start(name, returns);
    require(has_quorum(), name + " came up without a quorum");
    for (const auto& member : members_)
      require(server || inside_.at(member).runs >= inside_.at(name).runs, "an agent newer than a server");
    register_node(name);
  }

  /// Its machine was made anew, too: the two wait for each other's former member to be erased.
  bool joins_at_the_same_time(const std::string& name) const {
    return is_running(name) && inside_.contains(name) && inside_.at(name).unit == model::Role::plain;
  }

  void label(const std::string& name) {
    for (const auto& machine : lab_.machines) {
      if (machine.name != name) continue;
      auto& node = nodes_.at(name);
      const auto change = model::diff_marks(machine, node);
      for (const auto& key : change.remove_labels) node.labels.erase(key);
      for (const auto& [key, value] : change.set_labels) node.labels[key] = value;
      std::erase_if(node.taints, [&](const auto& taint) {
        const auto identity = model::split_taint(taint).identity();
        const auto& gone = change.remove_taints;
        return std::find(gone.begin(), gone.end(), identity) != gone.end() ||
               std::any_of(change.set_taints.begin(), change.set_taints.end(),
                           [&](const auto& set) { return model::split_taint(set).identity() == identity; });
      });
      node.taints.insert(node.taints.end(), change.set_taints.begin(), change.set_taints.end());
      node.owned = change.owned;
    }
  }

  void upgrade(const plan::Step& step) {
    guard(step);
    const auto& to = step.details.at("version");
    const bool server = members_.contains(step.subject);
    if (server)
      require(snapshots_ > 0, "upgrades without a snapshot");
    else
      for (const auto& member : members_) require(inside_.at(member).runs >= to, "an agent before a server");
    auto& inside = inside_.at(step.subject);
    inside.installed = inside.runs = to;
    inside.active = true;
    register_node(step.subject);
  }

  model::ObservedClusterMachine seen_inside(const model::ObservedMachine& machine) const {
    model::ObservedClusterMachine seen;
    seen.machine = machine.name;
    seen.running = machine.power == model::Power::running;
    seen.reachable = seen.running && !silent_.contains(machine.name);
    const auto found = inside_.find(machine.name);
    if (!seen.reachable || found == inside_.end()) return seen;
    const auto& inside = found->second;
    seen.unit = inside.unit;
    seen.active = inside.active;
    seen.supervisor = inside.active && inside.unit == model::Role::server && has_quorum();
    seen.unit_state = inside.active ? "active/running" : "inactive/dead";
    seen.installed = inside.installed;
    seen.running_version = inside.active ? inside.runs : "";
    seen.has_datastore = inside.datastore;
    seen.ca_hash = inside.datastore ? "ca" : "";
    if (inside.active && inside.config != wanted_config()) seen.pending_config = {"tls-san"};
    seen.config_stale = inside.stale || !seen.pending_config.empty();
    return seen;
  }

  void tell_members(model::ObservedCluster& seen) const {
    for (auto [name, node] : nodes_) {
      node.ready = alive(name);
      seen.nodes.push_back(node);
    }
    bool led = false;
    for (const auto& name : members_) {
      const bool leads = !led && alive(name);
      led = led || leads;
      seen.members.push_back({"1", name + "-0a1b2c3d", name, "", model::Voting::voter, leads});
    }
  }

  model::Homelab& lab_;
  model::Observed& there_;
  Simulator machines_;
  std::string version_;
  std::map<std::string, Inside> inside_;
  std::map<std::string, model::ObservedNodeObject> nodes_;
  std::set<std::string> members_, silent_;
  int snapshots_ = 0;
};

}  // namespace hlid::test
