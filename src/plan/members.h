#pragma once
#include <optional>
#include <string>
#include <vector>

#include "model/homelab.h"
#include "model/observed.h"

/// Who is a member of the cluster and how it does, from what was observed.
namespace hlid::plan {

enum class Formation {
  none,     ///< the file has no cluster
  never,    ///< all servers that exist were looked at and none has a datastore: it is to be founded
  unseen,   ///< some server could not be looked at, so whether there is a cluster is not known
  silent,   ///< there is one, and no server answers for it
  answers,  ///< there is one that answers
};

class Members {
 public:
  Members(const model::Homelab& wanted, const model::Observed& there);

  Formation formation() const { return formation_; }
  bool answers() const { return formation_ == Formation::answers; }

  /// The machine from the inside; nullptr when it was not looked at.
  const model::ObservedClusterMachine* inside(const std::string& name) const;
  const model::ObservedNodeObject* node(const std::string& name) const;
  const model::ObservedEtcdMember* member(const std::string& name) const;
  bool reachable(const std::string& name) const;
  bool has_datastore(const std::string& name) const;

  /// Nothing is installed: whatever the cluster's books say, that was a former machine of its name.
  bool is_bare(const std::string& name) const;
  /// The cluster's books have it, or it has a part of the cluster in it.
  bool knows(const std::string& name) const;
  /// As a server: etcd counts it, or it is a server by its unit.
  bool is_server(const std::string& name) const;
  /// What it lacks to be a working member, in words; nullopt: nothing. Only when the cluster answers.
  std::optional<std::string> ailment(const std::string& name, bool as_server) const;
  /// The version that it really runs; "" not known.
  std::string version(const std::string& name) const;
  bool leads(const std::string& name) const;
  /// Servers that etcd counts.
  std::vector<std::string> counted() const;

 private:
  Formation judge(const model::Homelab& wanted, const model::Observed& there) const;

  const model::ObservedCluster* cluster_;  ///< nullptr: not looked at
  Formation formation_ = Formation::none;
};

}  // namespace hlid::plan
