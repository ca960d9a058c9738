#pragma once
#include <string>

#include "model/observed_cluster.h"

namespace hlid::test {

/// A cluster that is well: `servers` called m-1 …, the first leading, and `agents` called w-1 ….
inline model::ObservedCluster cluster_of(int servers, int agents = 0,
                                         const std::string& version = "v1.34.1+rke2r1") {
  model::ObservedCluster seen;
  const auto add = [&](const std::string& name, model::Role role) {
    model::ObservedClusterMachine machine;
    machine.machine = name;
    machine.running = machine.reachable = machine.active = true;
    machine.unit = role;
    machine.unit_state = "active/running";
    machine.installed = machine.running_version = version;
    machine.supervisor = machine.has_datastore = role == model::Role::server;
    seen.machines.push_back(machine);
    model::ObservedNodeObject node;
    node.name = name;
    node.ready = true;
    node.version = version;
    seen.nodes.push_back(node);
    if (role != model::Role::server) return;
    model::ObservedEtcdMember member;
    member.node = name;
    member.name = name + "-0a1b2c3d";
    member.id = std::to_string(seen.members.size() + 1);
    member.voting = model::Voting::voter;
    member.leader = seen.members.empty();
    seen.members.push_back(member);
  };
  for (int i = 1; i <= servers; ++i) add("m-" + std::to_string(i), model::Role::server);
  for (int i = 1; i <= agents; ++i) add("w-" + std::to_string(i), model::Role::agent);
  seen.answers = servers > 0;
  seen.answered_by = servers > 0 ? "m-1" : "";
  return seen;
}

inline model::ObservedClusterMachine& machine_in(model::ObservedCluster& seen, const std::string& name) {
  for (auto& machine : seen.machines)
    if (machine.machine == name) return machine;
  std::abort();
}

inline model::ObservedNodeObject& node_in(model::ObservedCluster& seen, const std::string& name) {
  for (auto& node : seen.nodes)
    if (node.name == name) return node;
  std::abort();
}

inline model::ObservedEtcdMember& member_in(model::ObservedCluster& seen, const std::string& name) {
  for (auto& member : seen.members)
    if (member.node == name) return member;
  std::abort();
}

/// The machine has lost its power; etcd and Kubernetes have noticed.
inline void kill(model::ObservedCluster& seen, const std::string& name) {
  auto& machine = machine_in(seen, name);
  machine.running = machine.reachable = machine.active = machine.supervisor = false;
  machine.unit_state.clear();
  node_in(seen, name).ready = false;
  node_in(seen, name).not_ready_because = "NodeStatusUnknown: Kubelet stopped posting node status";
}

}  // namespace hlid::test
