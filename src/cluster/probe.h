#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/site.h"
#include "cluster/traits.h"
#include "model/observed_cluster.h"

/// Looking at the machines and at the cluster. Nothing here changes anything, and nothing waits: a machine
/// that does not answer is told as such.
namespace hlid::cluster {

/// What one script finds on one machine: what the model keeps, and what only the verbs of this module need.
struct MachineFacts {
  model::ObservedClusterMachine seen;
  bool exists = true;           ///< the hypervisor has it
  std::string why_unreachable;  ///< the agent's error when seen.reachable is false
  bool enabled = false;         ///< its unit starts with the machine
  bool has_password = false;    ///< /etc/rancher/node/password: it registered as a node once
  std::string etcd_name;        ///< <data>/server/db/etcd/name: "<node>-<8 hex>"
  bool leads = false;           ///< its etcd says it is the leader
  bool holds_vip = false;       ///< the VIP is on one of its interfaces
  std::string boot_id;          ///< changes with each boot
  std::string drop_in;          ///< text of config_path(); empty: not there
  std::string applied;          ///< text of applied_path(); empty: not there
  long long clock_offset = 0;   ///< its clock less this host's, in seconds (coarse: the call takes time)
  /// Its own supervisor's list (GET /db/info on loopback): only a server whose etcd has quorum gives one.
  std::optional<std::vector<model::ObservedEtcdMember>> members;
};

/// One machine, by one script (`# hlid:probe`). Throws only Error(interrupted) and not_found for a name that
/// is not in the file; a machine that is off, missing or silent comes back with reachable = false.
MachineFacts probe_machine(const Site& site, const std::string& name);

/// Several, site.at_once at a time; in the order of `names`.
std::vector<MachineFacts> probe_machines(const Site& site, const std::vector<std::string>& names);
std::vector<MachineFacts> probe_servers(const Site& site);

/// The Node objects as a server's API has them (`# hlid:nodes`); nullopt when its API does not answer within
/// 10 s. Throws Error(protocol) for an answer that is no node list.
std::optional<std::vector<model::ObservedNodeObject>> read_nodes(const Site& site, Guest& server);

/// Everything: all machines of the file with a role, then nodes and members from the first server that
/// answers for both. Throws Error(interrupted) only.
model::ObservedCluster observe(const Site& site);

/// The parts of observe() that need no machine.
model::ObservedCluster merge(std::vector<MachineFacts> facts);
/// Throws Error(protocol).
std::vector<model::ObservedEtcdMember> parse_members(std::string_view db_info);
/// "kubectl get nodes -o json". Throws Error(protocol).
std::vector<model::ObservedNodeObject> parse_nodes(std::string_view text);

/// The name of a server that answers for the whole cluster (supervisor ready, member list given), the etcd
/// leader first; `except` is passed over. nullopt: none.
std::optional<std::string> answering_server(const std::vector<MachineFacts>& servers,
                                            const std::string& except = {});

/// "1234 4096", blocks and their size, as stat(1) -f has them; nullopt for what is no such line.
std::optional<Bytes> parse_free(std::string_view text);
/// The script's report → facts. `exists` and the like are the caller's. Throws Error(protocol).
MachineFacts parse_probe(std::string_view report, const model::Homelab& lab, const model::Machine& machine);
/// Holds the two texts against what the file says: sets seen.pending_config and seen.config_stale.
void compare_config(const model::Homelab& lab, const model::Machine& machine, MachineFacts& facts);
/// The script and its positional arguments: for tests that run it without a machine.
std::string_view probe_script();
std::vector<std::string> probe_arguments(const model::Homelab& lab);

}  // namespace hlid::cluster
