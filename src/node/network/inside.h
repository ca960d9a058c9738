// Programs run inside of the realm: `hlid-node enter` and `hlid-node dial`. Both join the anchor's
// namespaces, which the kernel allows to the realm's own user and to root only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sys/process.h"

namespace hlid::node::network {

/// Becomes `argv` inside of the realm of `anchor`; returns only by throwing: Error(precondition) when that
/// process is gone, Error(denied/io) when it may not be joined, Error(io) when the program cannot be run.
/// Without `keep_capabilities` the program can change nothing in the realm, only use what is there.
[[noreturn]] void enter_realm(const sys::ProcessId& anchor, bool keep_capabilities,
                              const std::vector<std::string>& argv);

/// Connects to a TCP port in the realm of the node in `node_folder` and copies between it and standard input
/// and output until both directions are closed. Throws Error(precondition) when the realm is not up,
/// Error(io) when the connection is refused or breaks.
void dial(const std::filesystem::path& node_folder, const std::string& address, std::uint16_t port);

}  // namespace hlid::node::network
