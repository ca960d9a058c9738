#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plan/draft.h"

/// The steps of the cluster under construction (indexes in the draft's plan) and the order among them.
namespace hlid::plan {

struct ClusterSteps {
  std::string version;  ///< that all shall have
  std::optional<std::size_t> fetch, settle, settle_agents, snapshot;
  std::map<std::string, std::size_t> installs, labels;     ///< by machine
  std::map<std::string, std::size_t> joined;               ///< by machine: after it, it is a working member
  std::vector<std::size_t> forms;                          ///< founding, or waking
  std::vector<std::size_t> server_repairs, agent_repairs;  ///< members that lack something
  std::map<std::string, std::size_t> forgets;              ///< by machine: servers whose machine was lost
  std::vector<std::size_t> server_joins, agent_joins;      ///< new ones
  // in the order in which the servers take turns
  std::vector<std::size_t> server_reconfigures, agent_reconfigures;
  std::vector<std::size_t> server_upgrades, agent_upgrades;
  std::size_t mends = 0;  ///< so many of server_upgrades, the first ones, bring an ill server back
};

/// What forbids the cluster's part of the plan, and what of it is better known. Dead nodes of no machine are
/// forgotten here, with consent.
void check_cluster(Draft& draft);

/// Adds the edges: so that a quorum of servers works at every moment, nothing is founded before every server
/// was seen, and everything else goes side by side. Then sorts the plan, and sets aside what must wait for a
/// release that cannot be had.
void order_cluster(Draft& draft, const ClusterSteps& steps);

}  // namespace hlid::plan
