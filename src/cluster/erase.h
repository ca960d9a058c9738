#pragma once
#include <string>

#include "cluster/site.h"

namespace hlid::cluster {

/// Takes `node`, which is dead (the caller has made sure: its unit is stopped, or its data is gone), out of
/// the cluster's books, asking through `through`, a server that answers: deletes the Node, waits until etcd's
/// member list has lost every member of that name (RKE2's controller does it for a deleted Node; a ghost that
/// it leaves is removed by its id), deletes the secret with the node's password. Does nothing for what is
/// gone already; safe to repeat. No quorum rule is checked here (quorum.h). Throws Error(timeout) naming the
/// member that stays, Error(failed) with the words of the machine.
void erase_node(const Site& site, Guest& through, const std::string& node);

}  // namespace hlid::cluster
