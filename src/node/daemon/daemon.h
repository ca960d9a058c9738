// `hlid-node daemon`: the node as a service. The only place that knows every part of the node.
//
// Its machines are not its children: they run on when it ends, by whatever means, and the next daemon finds
// them again by their pid files, start times and sockets. The same is true of their network
// (node/network/holder.h).
//
// Privileges: an ordinary user's are enough. As root the daemon keeps what it has, to open the host's devices
// and the files of any storage; machines' QEMU and the name service run without capabilities either way
// (sys/namespaces.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace hlid::node::daemon {

struct DaemonOptions {
  std::filesystem::path home;
  std::string node;
  std::string listen = "127.0.0.1";
  std::optional<std::uint16_t> port =
      {};  ///< absent: the one it had before, 8006, or any free one; 0: any free one
};

/// Serves until SIGTERM or SIGINT; machines keep running. Throws Error(precondition) when another daemon
/// serves this node or something needed is missing, Error(io) when `port` is taken.
void run_daemon(const DaemonOptions& options);

}  // namespace hlid::node::daemon
