#pragma once
#include <filesystem>

#include "sys/unique_fd.h"

namespace hlid::sys {

/// Connects to a unix stream socket. Paths over 107 bytes are reached through /proc/self/fd of their folder.
/// Throws Error: not_found (no such socket or nobody listens), io.
UniqueFd connect_unix(const std::filesystem::path& path);
/// Listens; replaces a socket file that nobody listens on. Mode 0600.
UniqueFd listen_unix(const std::filesystem::path& path, int backlog = 16);

}  // namespace hlid::sys
