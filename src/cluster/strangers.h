#pragma once
#include "cluster/site.h"
#include "model/observed_cluster.h"

namespace hlid::cluster {

/// observe(), with the machines of members and Nodes that are not in the file any more, as after `count` was
/// lowered and its leaving was interrupted. What Kubernetes says of them may be a minute old; what the
/// machine says is not, and on that the quorum rule depends (quorum.h). Costs a second look only when there
/// are such. Throws Error(interrupted) only.
model::ObservedCluster observe_with_strangers(const Site& site);

}  // namespace hlid::cluster
