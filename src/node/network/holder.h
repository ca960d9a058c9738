// `hlid-node realm-hold FOLDER`: the process that keeps a node's realm alive, apart from the daemon, so that
// machines keep their network while the daemon is stopped, upgraded or killed.
//
// It stays in the host's network, because the uplink must run there. A child of it, the anchor, does nothing
// but live in the realm's namespaces, for others to join. The holder restarts the uplink, the name service,
// the forwarder of published ports (forward/run_forwarder.h) and the anchor when they end. It knows nothing
// of bridges or machines: the daemon configures those from outside (realm.h).
//
// A holder that was killed is replaced by starting another: it takes the realm over from the anchor or, when
// that was killed too, from any process that still lives in it (a machine).
#pragma once

#include <filesystem>

namespace hlid::node::network {

/// Returns in the caller's process once the holder serves in the background: 0, or 1 with the reason on
/// standard error and, where there is one, a line "fix: …". Signals that the holder takes: SIGHUP, the name
/// service's files changed, or a forwarder is wanted; SIGTERM, end the realm and remove its state.
int hold_realm(const std::filesystem::path& folder);

}  // namespace hlid::node::network
