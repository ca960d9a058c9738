#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cluster/quorum.h"
#include "cluster/site.h"
#include "model/observed_cluster.h"

/// From one release to another (Kubernetes' version skew policy; RKE2 itself enforces none of it): patches
/// within a minor freely, one minor at a time, never back; servers one by one, then agents; no kubelet newer
/// than any API server. What really runs counts, so an upgrade that ended anywhere is gone on with by asking
/// again.
namespace hlid::cluster {

struct ReleaseSet;

/// Whether the cluster may go to `wanted` from what runs now: refused for a downgrade of any member, a
/// skipped minor, an unparsable version. A half-done upgrade to `wanted` is allowed.
Verdict may_upgrade(const model::ObservedCluster& observed, const std::string& wanted);

struct UpgradeStep {
  enum class Kind { snapshot, servers, agents };
  Kind kind = Kind::servers;
  std::vector<std::string> machines;  ///< one server; at most max_unavailable agents; snapshot: none
};

/// The kubelet's version of a Node, by what Kubernetes says; else of the process, else empty.
std::string version_of(const model::ObservedCluster& observed, const std::string& machine);

/// What is left to do, in order; empty: all runs `wanted`. The snapshot is there whenever a server is still
/// to be upgraded. Servers: those that are down or half-way first, then the others, the leader last.
std::vector<UpgradeStep> upgrade_order(const model::Homelab& lab, const model::ObservedCluster& observed,
                                       const std::string& wanted);

struct UpgradeOptions {
  std::chrono::seconds drain_timeout{300};
  bool drain = true;
  /// Asked before each machine; false ends the upgrade there, cleanly ("--pause").
  std::function<bool(const std::string& machine)> go_on = [](const std::string&) { return true; };
};

/// Brings one member to `release`: checks the rules again with what runs now, cordons and drains (a Node that
/// somebody else cordoned stays so), installs on this machine only, restarts, waits until it is ready, votes
/// (a server) and reports the version, uncordons. Does nothing when all that is so. Agents may be done in
/// parallel, at most cluster.max_unavailable at once. Throws Error: precondition (rules, quorum, a server is
/// older than this agent would be), timeout (pods that do not leave), failed with the journal when it does
/// not come back.
void upgrade_member(const Site& site, const std::string& machine, const ReleaseSet& release,
                    const UpgradeOptions& options = {});

/// The bundle that an upgrade to `wanted` begins with (label "upgrade"), unless one of this cluster from
/// before it is there already and some server has gone on to `wanted` since: that one is the way back. First
/// makes sure that nobody else upgrades this cluster: Error(precondition) for plans of the
/// system-upgrade-controller.
void snapshot_before_upgrade(const Site& site, const std::filesystem::path& bundles,
                             const std::string& wanted);

enum class Upgraded { all, paused };

/// The whole: snapshot bundle into `bundles` (snapshot.h), every member in upgrade_order(). Does nothing when
/// all members run it.
Upgraded upgrade(const Site& site, const ReleaseSet& release, const std::filesystem::path& bundles,
                 const UpgradeOptions& options = {});

}  // namespace hlid::cluster
