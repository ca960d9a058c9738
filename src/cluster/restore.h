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
  std::string on;                               ///< the server that is reset; empty: chosen by plan_restore()
  std::string kube_vip_image = {};              ///< of the installed release, for servers that were made anew
};

struct RestorePlan {
  std::string target;               ///< the server that is reset
  std::vector<std::string> rejoin;  ///< servers that join it afterwards, one by one
  std::vector<std::string> agents;  ///< restarted when they do not come back by themselves
  /// Have nothing installed (made anew after a loss): `hlid up` joins them afterwards.
  std::vector<std::string> left_to_up;
  std::vector<std::string> refusals;  ///< what stands in the way; empty: it may go ahead
  std::string fix;                    ///< for the first of them
};

/// Pure. The target: `on`, else the first server that can be looked at and has a release installed and,
/// without a bundle, a datastore. Refused: a server that cannot be looked at (it might still vote with the
/// old data), an installed version of an older minor than the bundle's, another distribution, no target;
/// without a bundle, a cluster that has its quorum.
RestorePlan plan_restore(const model::Homelab& lab, const model::ObservedCluster& observed,
                         const std::optional<Bundle>& bundle, const RestoreOptions& options);

/// The whole reset and rejoin. Everything written since the bundle was taken is lost: the caller has asked
/// the user. Old datastores are moved aside on the machines, not deleted, until all is well. Killed and asked
/// again, it goes on with a reset that still runs or has just succeeded, else begins anew.
/// Throws Error: precondition (plan_restore), failed with the distribution's output when the reset fails
/// (the old data is put back), timeout.
void restore(const Site& site, const RestoreOptions& options);

}  // namespace hlid::cluster
