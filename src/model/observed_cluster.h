#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/homelab.h"

/// The cluster as it is, as plain data: each machine's own files and units, and what a server that answers
/// says of nodes and members.
namespace hlid::model {

enum class Voting { none, learner, voter };

/// A taint as kubectl(1) writes it: "key=value:NoSchedule".
using Taint = std::string;

/// What Kubernetes says of one Node.
struct ObservedNodeObject {
  std::string name;
  bool ready = false;
  bool cordoned = false;
  std::string version;  ///< kubeletVersion: what really runs, "v1.34.1+rke2r1"
  std::map<std::string, std::string> labels;
  std::vector<Taint> taints;
  std::string owned;  ///< value of the annotation kOwnedAnnotation (model/node_marks.h); empty: none
  std::string not_ready_because;  ///< reason and message of the Ready condition when it is not true
};

/// What etcd says of one member.
struct ObservedEtcdMember {
  std::string id;    ///< hexadecimal
  std::string name;  ///< "<node>-<8 hex>"
  std::string node;  ///< the part before the suffix
  std::string peer_url;
  Voting voting = Voting::none;
  bool leader = false;
};

/// One machine of the file, looked at from the inside.
struct ObservedClusterMachine {
  std::string machine;
  bool running = false;     ///< the hypervisor says so
  bool reachable = false;   ///< its agent answered the probe
  bool addressed = false;   ///< one of its interfaces has the address of the file
  Role unit = Role::plain;  ///< whose unit is enabled or active; plain: none
  bool active = false;
  std::string unit_state;       ///< "active/running", "activating/auto-restart" …
  std::string installed;        ///< version of the binary in place; empty: none
  std::string running_version;  ///< of the process that runs
  bool has_datastore = false;   ///< etcd's write-ahead log is there: it is or was a member
  std::string etcd_alarm;       ///< NOSPACE or CORRUPT, as its etcd tells; empty: none
  bool supervisor = false;      ///< /v1-<distribution>/readyz says ok (servers)
  std::string config_hash;      ///< of the drop-in that was applied last (recorded when the unit started)
  /// Keys of the configuration whose change in the file waits for a restart of the unit (cluster/config.h).
  std::vector<std::string> pending_config;
  bool config_stale = false;  ///< the drop-in on the disk is not what it should be; writing it is free
  std::string ca_hash;        ///< SHA-256 of server-ca.crt: which cluster it belongs to
  std::string server_url;     ///< `server:` of its configuration
  std::optional<int> certificate_days;  ///< until the first certificate ends
  std::optional<Bytes> disk_free;       ///< where the distribution keeps its data
  long long clock_offset = 0;  ///< its clock less this host's, in seconds (coarse: the call takes time)
};

struct ObservedCluster {
  std::vector<ObservedClusterMachine> machines;  ///< those of the file with a role, in its order
  bool answers = false;                          ///< some server answered for the two lists below
  std::string answered_by;
  std::vector<ObservedNodeObject> nodes;
  std::vector<ObservedEtcdMember> members;
  std::optional<std::string> vip_holder;  ///< machine that has the VIP on an interface

  const ObservedClusterMachine* machine(const std::string& name) const;
  const ObservedNodeObject* node(const std::string& name) const;
  const ObservedEtcdMember* member_of(const std::string& node) const;
  int voters() const;
};

}  // namespace hlid::model
