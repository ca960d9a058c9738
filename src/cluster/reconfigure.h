#pragma once
#include <string>
#include <vector>

#include "cluster/site.h"
#include "model/observed_cluster.h"

namespace hlid::cluster {

/// Writes `machine`'s configuration as the file wants it and restarts its service when the running one was
/// started with another. A server only when all others are well (quorum.h); returns when it is ready again
/// and a voter. Does nothing when the running configuration is the wanted one. Repeatable after any end.
/// Throws Error: precondition (quorum, or a value that cannot be changed after formation), failed with the
/// journal's lines when it does not come back with the new configuration.
void reconfigure_member(const Site& site, const std::string& machine);

/// Sets the Node's labels and taints to the file's, live; those of others are not touched
/// (model/node_marks.h).
void label_member(const Site& site, const std::string& machine);

/// In which order members are reconfigured: servers one by one (the leader last, so that etcd elects once),
/// then agents in batches of cluster.max_unavailable. Only those of `changed`.
std::vector<std::vector<std::string>> rolling_order(const model::Homelab& lab,
                                                    const model::ObservedCluster& observed,
                                                    const std::vector<std::string>& changed);

}  // namespace hlid::cluster
