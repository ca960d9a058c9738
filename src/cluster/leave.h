#pragma once
#include <chrono>
#include <string>

#include "cluster/site.h"
#include "model/observed_cluster.h"

namespace hlid::cluster {

struct LeaveOptions {
  /// For pods to move away. A pod that may not be evicted (a disruption budget) fails the verb after this.
  std::chrono::seconds drain_timeout{300};
  bool drain = true;
  /// Removes the distribution with all its data from the machine. Not needed when the machine is destroyed
  /// next.
  bool uninstall = true;
};

/// Takes `machine`, which lives, out of the cluster; it need not be in the file any more. In this order:
/// cordon and drain while its own API server still works, stop and kill all of the distribution, delete the
/// Node, wait until etcd's member list has lost it (a ghost is removed by its id), delete the node password,
/// uninstall. Each part is done only where it is not done yet, so the verb can be repeated after any end; on
/// a machine that is no part of the cluster it does nothing. Throws Error: precondition when the quorum
/// forbids it or it is the last server; timeout when pods do not leave (names them), or the member stays.
void leave(const Site& site, const std::string& machine, const LeaveOptions& options = {});

}  // namespace hlid::cluster
