#pragma once
#include <string>
#include <vector>

#include "model/disruption.h"
#include "model/homelab.h"
#include "model/observed.h"

namespace hlid::plan {

/// One key of a machine's configuration that is to be set (Step, details of `configure`).
struct Change {
  std::string key;
  std::string value;
  std::string reason;                                      ///< "cores 2 → 4"
  model::Disruption disruption = model::Disruption::live;  ///< of a machine that runs
};

/// What differs between a machine of ours and what the file says, meaning compared with meaning: order of
/// tags and keys, units and comments do not count. Disk size is not among them.
std::vector<Change> changes_of(const model::Homelab& wanted, const model::Machine& machine,
                               const model::ObservedMachine& there);

/// Every key, as a machine just cloned needs it.
std::vector<Change> everything_of(const model::Homelab& wanted, const model::Machine& machine);

}  // namespace hlid::plan
