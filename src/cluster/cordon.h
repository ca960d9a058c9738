#pragma once
#include <chrono>
#include <string>

#include "cluster/site.h"
#include "cluster/traits.h"
#include "model/node_marks.h"

/// Emptying a Node before its machine is worked on, and letting pods in again.
namespace hlid::cluster {

using model::kParkedLabel;

/// A server that answers for the whole cluster, other than `except`. Throws Error(precondition): none.
std::string other_server(const model::ObservedCluster& observed, const std::string& except);

/// Cordons `node` by kubectl on `server` (labelled as ours unless it was cordoned already) and, with `drain`,
/// evicts its pods: DaemonSets stay, emptyDir volumes are lost. Repeatable. Throws Error(timeout) naming the
/// pods that may not be evicted, failed with kubectl's words.
void park(const Site& site, Guest& server, const model::ObservedNodeObject& node, bool drain,
          std::chrono::seconds timeout);

/// Undoes park() where the label says that it was ours; else nothing.
void unpark(const Site& site, Guest& server, const std::string& node);

/// Whether anything else could take this Node's pods: some other Node that is ready and not cordoned.
bool has_refuge(const model::ObservedCluster& observed, const std::string& node);

}  // namespace hlid::cluster
