#pragma once
#include "cluster/site.h"
#include "model/observed_cluster.h"

namespace hlid::cluster {

/// observe(), as a verb that is about to change something needs it. When a majority of the file's servers run
/// and yet none answers, an election of etcd's leader is under way: waits for its end, up to 30 s. The
/// machines of members and Nodes that are not in the file any more are looked at too, as after `count` was
/// lowered and leaving was interrupted: what Kubernetes says of them may be a minute old, and the quorum rule
/// depends on what is (quorum.h). Throws Error(interrupted) only.
model::ObservedCluster observe_with_strangers(const Site& site);

}  // namespace hlid::cluster
