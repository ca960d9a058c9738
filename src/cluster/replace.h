#pragma once
#include <string>

#include "cluster/site.h"

namespace hlid::cluster {

/// Makes the cluster forget `machine`, which is dead or about to be made anew: what must be done before its
/// replacement of the same name can join (a dead voter blocks every join, and the old node password would
/// refuse the new machine). A server is first made sure not to run (its services are killed, or its power is
/// cut when its agent is silent); then Node, member and node password go, through any server that answers:
/// the first master is no exception. After it, the machine may be destroyed, made anew and joined. Does
/// nothing for a machine that the cluster does not know. A machine that is well is refused: leave() is for
/// those. Throws Error(precondition) when the rest has no quorum (hint: restore) or another server is ill.
void forget(const Site& site, const std::string& machine);

}  // namespace hlid::cluster
