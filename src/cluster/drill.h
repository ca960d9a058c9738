#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/site.h"
#include "model/observed_cluster.h"

namespace hlid::cluster {

/// What is broken on purpose.
enum class Drill {
  master,  ///< all of the distribution is killed on etcd's leader, then started again
  vip,     ///< the same on the machine that holds the VIP
  power,   ///< a server's power is cut, then it is turned on again
};

std::string_view to_string(Drill drill);
std::optional<Drill> parse_drill(std::string_view text);

struct DrillReport {
  Drill drill = Drill::master;
  std::string victim;
  /// From the blow; nullopt: did not happen before the deadline, or does not apply.
  std::optional<std::chrono::milliseconds> api_answers;  ///< another server's API, a write included
  std::optional<std::chrono::milliseconds> vip_moved;
  std::optional<std::chrono::milliseconds> whole_again;  ///< all members vote and all Nodes are ready
};

/// Whom it would hit. Throws Error(precondition) when there is none (no VIP, fewer than three voters).
std::string drill_victim(Drill drill, const model::ObservedCluster& observed);

/// Breaks it, measures, and brings it back whatever happens. Throws Error(precondition) unless everything is
/// well before; failed, with the first broken link, when it does not become whole again.
DrillReport drill(const Site& site, Drill drill);

}  // namespace hlid::cluster
