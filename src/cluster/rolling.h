#pragma once
#include <string>
#include <vector>

#include "model/homelab.h"
#include "model/observed_cluster.h"

namespace hlid::cluster {

/// In which order members are worked on when each is away for a while: those that are down or half-way first
/// (it costs nothing more, and nothing else may be done before they are well), etcd's leader last (so that it
/// elects once); otherwise as given.
std::vector<std::string> one_after_the_other(const model::ObservedCluster& observed,
                                             std::vector<std::string> names);

/// Cut into groups of at most `width` (at least 1), which may be worked on at the same time.
std::vector<std::vector<std::string>> in_batches(const std::vector<std::string>& names, int width);

/// The Node is ready and the unit of its machine, when it is one of the file, runs.
bool is_ready(const model::ObservedCluster& observed, const std::string& name);

}  // namespace hlid::cluster
