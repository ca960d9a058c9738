#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/probe.h"
#include "cluster/site.h"
#include "model/observed_cluster.h"

/// When is a machine a working part of the cluster? A ladder of named rungs; what is reported is the lowest
/// one that does not hold, with its evidence.
namespace hlid::cluster {

enum class Rung {
  running,     ///< the hypervisor runs it
  agent,       ///< its guest agent answers
  address,     ///< it has the address of the file
  unit,        ///< rke2-server or rke2-agent is active
  supervisor,  ///< servers: /v1-<distribution>/readyz says ok
  voter,       ///< servers: a voting member of etcd
  node,        ///< its Node is Ready and runs the wanted version
};
std::string_view to_string(Rung rung);

struct Readiness {
  std::string machine;
  std::optional<Rung> broken;  ///< nullopt: ready
  std::string because;         ///< "activating/auto-restart", "learner", "kubelet: container runtime is down"
  std::vector<std::string> evidence;  ///< the journal lines that matter, oldest first; at most 12
  std::string fix;                    ///< one command or one thing to do; empty when ready
  bool hopeless = false;              ///< waiting does not help (a fatal line, a foreign datastore)
  bool ready() const { return !broken; }
};

/// Its data folder has so little room that etcd or a kubelet soon stops.
bool has_full_disk(const model::ObservedClusterMachine& seen);

/// Pure: the ladder of one machine. `version`: what its kubelet shall be; empty: any.
Readiness climb(const model::Machine& machine, const model::ObservedCluster& cluster,
                const std::string& version, const Traits& traits);

/// All machines of the file with a role, in its order, those with a broken rung with journal evidence.
/// `observed` as observe(site) gave it. For `hlid status`.
std::vector<Readiness> look(const Site& site, const model::ObservedCluster& observed);

/// The moment before a unit is (re)started: what is older does not count.
struct JournalCursor {
  std::string text;        ///< of the journal; empty: it was empty
  std::string invocation;  ///< of the process that a restart ends (systemd's InvocationID); empty: none
};

/// Enables the unit of the machine's role and starts it (or restarts it), without waiting for it: `systemctl
/// start` would block without limit and fail at the first of several tries. Safe to repeat. Throws
/// Error(failed) with systemd's words, or what Guest throws.
JournalCursor start_unit(const Site& site, Guest& guest, const model::Machine& machine);
JournalCursor restart_unit(const Site& site, Guest& guest, const model::Machine& machine);

struct Awaited {
  JournalCursor since = {};
  std::string version = {};  ///< of the kubelet; empty: any
  Rung up_to = Rung::node;   ///< the last rung that must hold
  /// Before site.patience; zero: 900 s for a server, 600 s for an agent (upstream's own limits).
  std::chrono::seconds deadline{0};
};

/// Polls about each second, one cheap script a poll, until the ladder holds; what the journal tells becomes
/// site.phase texts. Throws Error(failed) at once when a line says that waiting is useless, Error(timeout) at
/// the deadline, both with the broken rung, the journal lines that matter and a fix; Error(interrupted).
/// A machine that reboots or is silent meanwhile is waited for, within the deadline.
void await_ready(const Site& site, const std::string& machine, const Awaited& awaited = {});

/// The error that `readiness` is, for a verb that gives up: "'m-1': supervisor: …" with evidence and fix.
Error as_error(const Readiness& readiness, Errc code);

}  // namespace hlid::cluster
