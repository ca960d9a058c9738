#include "drive/cluster_site.h"

#include "base/error.h"

namespace hlid::drive {
namespace {

/// Emulated processors take about this many times as long to start a server.
constexpr double kEmulatedPatience = 5.0;

}  // namespace

ClusterSite::ClusterSite(const model::Homelab& lab, const pve::Session& session, DiscShelf& shelf,
                         bool emulated)
    : lab_(lab),
      fleet_(lab, session, shelf, emulated),
      clock_(session.clock()),
      stop_(session.stop()),
      patience_(emulated ? kEmulatedPatience : 1.0) {}

cluster::Site ClusterSite::site(std::function<void(const std::string&)> phase) {
  if (!lab_.cluster)
    throw Error(Errc::precondition, "the file of '{}' has no 'cluster:'", lab_.name)
        .with_hint("add 'cluster: {distribution: rke2}' and 'role: server' to a group, then hlid up");
  return {lab_, fleet_, clock_, random_, std::move(phase), stop_, patience_};
}

}  // namespace hlid::drive
