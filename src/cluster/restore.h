#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cluster/site.h"
#include "cluster/snapshot.h"
#include "model/observed_cluster.h"

/// When the quorum is lost, or the past is wanted back: one server is reset to a cluster of itself, from a
/// bundle or from its own data, and the others join it with empty datastores (RKE2's documentation, "Backup
/// and restore": cluster reset).
namespace hlid::cluster {

struct RestoreOptions {
  std::optional<std::filesystem::path> bundle;  ///< none: the data of the server `on`, as it is
  std::string on;  ///< the server that is reset; empty: chosen by restore_target()
};

/// The server to reset: with a bundle the first that is reachable and has the release installed; without, one
/// that has a datastore (the member that was leader, else the first). Throws Error(precondition): none.
std::string restore_target(const model::Homelab& lab, const model::ObservedCluster& observed,
                           const RestoreOptions& options);

/// What stands in the way; empty fix and evidence: nothing. Every server of the file must be reachable (a
/// silent one might still vote with the old data: forget it, or destroy it, first), the installed version not
/// older than the bundle's minor, the bundle of this lab's distribution.
struct RestorePlan {
  std::string target;
  std::vector<std::string> rejoin;  ///< servers that join after it, one by one
  std::vector<std::string> agents;  ///< restarted when they do not come back by themselves
  std::vector<std::string> refusals;
};
RestorePlan plan_restore(const model::Homelab& lab, const model::ObservedCluster& observed,
                         const std::optional<Bundle>& bundle, const RestoreOptions& options);

/// The whole reset and rejoin. Everything written since the bundle was taken is lost: the caller has asked
/// the user. Old datastores are moved aside on the machines, not deleted, until all is well. Killed and asked
/// again, it goes on with a reset that still runs or has just succeeded, else begins anew.
/// Throws Error: precondition (plan_restore), failed with the distribution's output when the reset fails
/// (the old data is put back), timeout.
void restore(const Site& site, const RestoreOptions& options);

}  // namespace hlid::cluster
