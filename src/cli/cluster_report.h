#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "cluster/readiness.h"
#include "model/homelab.h"
#include "model/observed_cluster.h"

/// The cluster as `hlid status` and `hlid cluster status` show it. Pure.
namespace hlid::cli {

struct ClusterLook {
  model::ObservedCluster observed;
  std::vector<cluster::Readiness> ladders;  ///< one for each machine with a role
  bool all_ready() const;
};

/// What strangers the cluster's books have, each a sentence: members and nodes that are no machine of the
/// file.
std::vector<std::string> strangers(const model::Homelab& lab, const ClusterLook& look);

/// "valaskjalf: rke2, 3 of 3 servers vote, leader …, VIP … on …": one line.
std::string cluster_headline(const model::Homelab& lab, const ClusterLook& look);
/// NAME ROLE VERSION ETCD NODE CERTS STATE, a line each, with a heading.
std::string members_table(const model::Homelab& lab, const ClusterLook& look);
/// The first broken link of each machine that is not ready, with the journal's lines and what to do; then
/// the strangers. "": nothing.
std::string cluster_troubles(const model::Homelab& lab, const ClusterLook& look);
json::object cluster_json(const model::Homelab& lab, const ClusterLook& look);

}  // namespace hlid::cli
