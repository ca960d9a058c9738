// The two programs that publish ports, both started and watched by the realm's holder (network/holder.h), so
// that published ports work on while the daemon is stopped, upgraded or killed:
//
//   hlid-node realm-forward FOLDER FD   in the host's network: listens and carries the bytes
//   hlid-node realm-sockets FD          in the realm: makes the sockets that reach the machines
//
// Neither has a capability but, as root, the one to listen on ports below 1024.
#pragma once

#include <filesystem>

namespace hlid::node::forward {

/// Files of the forwarder in the realm's folder.
struct ForwardFiles {
  std::filesystem::path folder;

  /// What it last was told, for the next one; its presence is what makes the holder start one.
  std::filesystem::path rules() const { return folder / "publish.json"; }
  std::filesystem::path socket() const { return folder / "publish.sock"; }
};

/// Serves until `sockets` (a unix socket with serve_sockets() at its other end) is closed; throws then. Takes
/// questions on its socket (control.h).
void run_forwarder(const std::filesystem::path& folder, int sockets);

}  // namespace hlid::node::forward
