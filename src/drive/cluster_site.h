#pragma once
#include <functional>
#include <string>

#include "cluster/site.h"
#include "drive/agent_fleet.h"
#include "drive/disc_shelf.h"

namespace hlid::drive {

/// A cluster::Site over a hypervisor's API, and what it stands on. As cheap as a session: one for each step
/// or command, with one shelf for all of them, so that no disc is uploaded twice.
class ClusterSite {
 public:
  /// `lab` and `shelf` outlive it. The session's stop request ends what the site's verbs do, its clock is the
  /// site's.
  ClusterSite(const model::Homelab& lab, const pve::Session& session, DiscShelf& shelf, bool emulated);

  /// For one verb; it must not outlive this object. Throws Error(precondition) when the lab has no cluster.
  /// `phase` is called from several threads.
  cluster::Site site(std::function<void(const std::string&)> phase = [](const std::string&) {});

 private:
  const model::Homelab& lab_;
  AgentFleet fleet_;
  sys::Clock& clock_;
  sys::SystemRandom random_;
  std::stop_token stop_;
  double patience_;
};

}  // namespace hlid::drive
