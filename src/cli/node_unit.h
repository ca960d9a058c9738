#pragma once
#include <filesystem>
#include <string>

#include "drive/embedded_node.h"
#include "sys/process.h"

namespace hlid::cli {

/// The systemd unit of a node (systemd.service(5)). Machines outlive the daemon: only it is ended with the
/// unit.
std::string node_unit_text(const std::string& program, const std::filesystem::path& home,
                           const std::string& node, bool for_system);
/// Writes and enables it: of the system for root, else of the user (who then lingers). Returns its path.
std::filesystem::path install_node_unit(const drive::EmbeddedNode& node, sys::ProcessRunner& processes);

}  // namespace hlid::cli
