#pragma once
#include "cluster/view.h"

namespace hlid::cluster {

/// Before a machine without a datastore joins: whatever the cluster still knows of a former machine of its
/// name is erased, once that one is sure to be dead and the quorum allows it (waits for that). Does nothing
/// when the cluster knows nothing, or knows this very machine. Throws Error(conflict) "member-name-taken: …"
/// when a member of this name is alive at another address; Error(precondition) when the quorum never allows
/// it; what erase_node() throws.
View forget_former(const Site& site, const model::Machine& machine, View view);

}  // namespace hlid::cluster
