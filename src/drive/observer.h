#pragma once
#include <set>
#include <string>
#include <vector>

#include "apply/ports.h"
#include "model/homelab.h"
#include "pve/session.h"

namespace hlid::drive {

/// Reads what is there with few calls: version, cluster/resources and nodes at once, then the nodes' storages
/// and bridges and the configurations of the guests that may concern us (at a VMID of the file, or with our
/// tags), all in parallel. Guests of others are known by their number, name and power only.
class PveObserver : public apply::Observer {
 public:
  PveObserver(const model::Homelab& lab, pve::Session session) : lab_(lab), session_(std::move(session)) {}
  model::Observed observe(std::stop_token stop) override;

 private:
  bool concerns_us(const model::ObservedMachine& machine) const;
  void complete(const pve::Session& session, bool embedded, model::ObservedMachine& machine) const;

  const model::Homelab& lab_;
  pve::Session session_;
};

}  // namespace hlid::drive
