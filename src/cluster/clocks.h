#pragma once
#include "cluster/probe.h"
#include "cluster/site.h"

namespace hlid::cluster {

/// A machine whose clock is behind does not trust certificates that one ahead of it has just made, and says
/// so only in its journal, every five seconds. Where the probes show two machines far apart, both are asked
/// again, precisely. Throws Error(precondition) "clocks-apart: …" when they surely are more than 30 s apart.
void require_same_time(const Site& site, const MachineFacts& one, const MachineFacts& other);

}  // namespace hlid::cluster
