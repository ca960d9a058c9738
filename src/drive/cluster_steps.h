#pragma once
#include <filesystem>
#include <functional>
#include <stop_token>

#include "cluster/fetch.h"
#include "cluster/site.h"
#include "plan/step.h"

namespace hlid::drive {

/// What the steps of a cluster work with, whatever it is that leads into the machines.
struct ClusterTools {
  const cluster::Site& site;
  std::function<cluster::ReleaseAccess(std::stop_token, std::function<void(const cluster::FetchProgress&)>)>
      releases;
  std::filesystem::path snapshots;  ///< where bundles of the cluster are kept
};

/// Does one step of the phase `cluster`; looks first, so it is repeatable. Throws what the verbs of the
/// module throw.
void run_cluster_step(const plan::Step& step, const ClusterTools& tools);

}  // namespace hlid::drive
