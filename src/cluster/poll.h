#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cluster/readiness.h"

/// One look at a machine that is waited for: as cheap as it can be, because it is done each second.
namespace hlid::cluster {

struct Polled {
  model::ObservedClusterMachine seen;  ///< running, reachable, unit, unit_state, active, supervisor
  std::string invocation;              ///< of the unit's process
  std::vector<model::ObservedEtcdMember> members;  ///< servers: as its own supervisor gives them
  std::optional<std::vector<model::ObservedNodeObject>>
      nodes;                       ///< its own Node only; nullopt: not asked, no answer
  std::vector<std::string> lines;  ///< of the journal since `cursor`
  std::string cursor;              ///< where the next look goes on; may be empty
  std::string silence;             ///< why the machine did not answer; empty: it did
};

/// `old`: invocation of a process whose lines do not count, whatever the cursor; empty: none. Never throws
/// but Error(interrupted).
Polled poll(const Site& site, const model::Machine& machine, const std::string& cursor,
            const std::string& old = {});

/// Throws Error(protocol).
Polled parse_poll(std::string_view report, const model::Machine& machine);

/// The Node `name` as the server `through` has it (`# hlid:node`); nullopt: its API does not answer; an empty
/// list: no such Node. Throws what Guest throws.
std::optional<std::vector<model::ObservedNodeObject>> read_node(const Site& site, Guest& through,
                                                                const std::string& name);

}  // namespace hlid::cluster
