#pragma once
#include <optional>
#include <vector>

#include "drive/disc_shelf.h"
#include "model/homelab.h"
#include "model/observed.h"

namespace hlid::drive {

struct SeenCluster {
  std::optional<model::ObservedCluster> cluster;  ///< nullopt: no machine that may be a member runs
  std::vector<model::Machine> former;             ///< members that the file does not name (former_machines.h)
};

/// Looks into the machines that `there` shows running, those that the file does not name any more included:
/// they may be all of the cluster. Throws Error(interrupted); silent machines are told as such.
SeenCluster look_into_cluster(const model::Homelab& lab, const model::Observed& there,
                              const pve::Session& session, DiscShelf& shelf, bool emulated);

}  // namespace hlid::drive
