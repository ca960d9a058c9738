#pragma once
#include <string>
#include <vector>

#include "model/homelab.h"
#include "model/observed_cluster.h"

/// What may be done to one server now without losing etcd's quorum: pure functions of what was observed.
/// The rule: before anything that takes a server away for a while or for good, all the others are started,
/// voting and ready; then exactly one is acted upon. The one acted upon may itself be ill, so that a verb
/// that was killed half-way can go on. (etcd's documentation, "Runtime reconfiguration": a majority of the
/// members must be alive before and after each change.)
namespace hlid::cluster {

/// A majority of `members`; 0 for none.
int quorum(int members);

enum class ServerChange {
  restart,  ///< away for some minutes, comes back as the same member
  remove,   ///< its member leaves the list
  forget,   ///< it is dead: its member leaves the list, nothing is lost that was not lost before
  add,      ///< another member comes in, as a learner first
};

/// Allowed when `evidence` is empty.
struct Verdict {
  std::vector<std::string> evidence;  ///< each what is wrong and where: "'m-2' is a learner"
  std::string fix;                    ///< one thing to do about it; empty when allowed
  bool allowed() const { return evidence.empty(); }
};

/// What is wrong with the servers and members besides `except`; empty: the health invariant holds. Machines
/// of the file that were never members are no fault. Sentences without a full stop.
std::vector<std::string> ill_servers(const model::ObservedCluster& observed, const std::string& except = {});

/// Whether `change` of the server `machine` is allowed now. Never for an unanswering cluster: what cannot be
/// seen cannot be kept safe (only restore.h acts then).
Verdict may(ServerChange change, const std::string& machine, const model::ObservedCluster& observed);

/// Throws Error(precondition) "cannot <doing> '<machine>': …" with the evidence, and the fix as its hint.
void require(const Verdict& verdict, const std::string& doing, const std::string& machine);

}  // namespace hlid::cluster
