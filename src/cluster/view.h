#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cluster/probe.h"

namespace hlid::cluster {

/// One machine and the servers around it, at one moment.
struct View {
  std::vector<MachineFacts> servers;  ///< of the file, the machine among them if it is one
  MachineFacts self;
  std::optional<std::string> through;  ///< another server that answers for the cluster

  const MachineFacts& server(const std::string& name) const;
  bool any_datastore(const std::string& except) const;
};

View take_view(const Site& site, const model::Machine& machine);

/// Waits for another server to answer, for as long as a server may take to start, and starts those that lie
/// still with their data. Throws Error(precondition) when no other server has ever been part of a cluster;
/// Error(timeout) with the first broken link of one that does not come.
View wait_for_server(const Site& site, const model::Machine& machine, View view);

/// The members of the answering server's list that are neither the machine's own nor about to be: a former
/// machine of its name. (A member has no name until it has started once; then its address tells whose it is.)
std::vector<model::ObservedEtcdMember> former_members(const View& view, const model::Machine& machine);

/// It has a datastore, but the cluster, asked through another server, has no such member any more.
bool was_removed(const View& view, const model::Machine& machine);

}  // namespace hlid::cluster
