#pragma once
#include <optional>

#include "cluster/fetch.h"
#include "model/homelab.h"
#include "model/observed_cluster.h"
#include "plan/diff.h"

namespace hlid::drive {

/// What the plan of a lab with a cluster must know of releases: which one is meant, whether it is here, and
/// if not (`reach`) whether it can be had. The network is asked only when a machine still lacks the release.
/// A lab that follows a channel stays with what it runs until `hlid cluster upgrade` moves it. Throws
/// Error(spec) for a version that is none, interrupted.
plan::ClusterGoal cluster_goal(const model::Homelab& lab,
                               const std::optional<model::ObservedCluster>& observed,
                               const cluster::ReleaseAccess& access, bool reach);

}  // namespace hlid::drive
