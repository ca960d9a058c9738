// Linux namespaces (namespaces(7), user_namespaces(7), network_namespaces(7)) for the node's realm. Whatever
// changes the calling process must run in a process with one thread: a forked child or a tiny program of its
// own.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>

#include "sys/process.h"
#include "sys/unique_fd.h"

namespace hlid::sys {

/// Whether this process may make a network namespace as it is (CAP_SYS_ADMIN); if not, it needs a user
/// namespace around it.
bool may_unshare_network();

/// Moves the calling process into a new network namespace; with `user_namespace` also into a new user
/// namespace in which the caller's user is root and nobody else exists. Throws Error: precondition when the
/// system forbids it (with a hint that names the switch), io.
void unshare_network(bool user_namespace);

/// The identity of a process's network namespace (inode of /proc/PID/ns/net); nullopt when it is gone or not
/// ours to see. A number is used again once its namespace is gone.
std::optional<std::uint64_t> network_namespace_of(pid_t pid);

/// Open handles of a process's namespaces, which keep them alive.
class Namespaces {
 public:
  /// nullopt when the process is gone, is not that very process any more, or is not ours to see.
  static std::optional<Namespaces> of(const ProcessId& process);
  /// Moves the calling process into them. Throws Error(denied/io).
  void enter() const;

 private:
  UniqueFd user_;  ///< only where it is another user namespace than ours
  UniqueFd network_;
};

/// Brings `lo` up in the calling process's network namespace.
void bring_loopback_up();

/// Takes every capability but `kept` (CAP_… of <linux/capability.h>) from what the calling process executes,
/// for good.
void limit_capabilities(const std::set<int>& kept = {});

}  // namespace hlid::sys
