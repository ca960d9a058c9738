#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "cluster/guest.h"
#include "drive/disc_shelf.h"
#include "drive/ownership.h"
#include "model/homelab.h"
#include "pve/session.h"

namespace hlid::drive {

/// The machines of a lab as the cluster module wants them: also those that the file does not name any more,
/// as long as they are proven ours. Safe to use from many threads.
class AgentFleet : public cluster::Fleet {
 public:
  /// `lab` and `shelf` outlive it. `session`'s stop request ends what its guests do.
  AgentFleet(const model::Homelab& lab, pve::Session session, DiscShelf& shelf, bool emulated);

  std::unique_ptr<cluster::Guest> guest(const std::string& machine) override;
  bool runs(const std::string& machine) override;

 private:
  struct Place {
    pve::VmRef vm;
    Found found;  ///< ours, or what is in its place
  };
  /// Where it is; nullopt: nowhere.
  std::optional<Place> find(const std::string& machine) const;

  const model::Homelab& lab_;
  pve::Session session_;
  DiscShelf& shelf_;
  std::chrono::seconds boot_patience_;
};

}  // namespace hlid::drive
