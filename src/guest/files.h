#pragma once
#include <string>
#include <vector>

#include "guest/identity.h"

namespace hlid::guest {

/// Rewrites every file of the warm copy that holds one of its values, writes the machine's own (host name,
/// machine-id, host keys, authorized keys, password, random seed) and gives cloud-init's instance folder its
/// name. Owners and modes stay; each file is replaced whole (temporary, rename). `root` is "" in a guest.
/// Returns what could not be done; empty: all is well.
std::vector<std::string> write_identity(const std::string& root, const Identity& identity,
                                        const std::string& random_seed);

/// Whole file or "" when it cannot be read.
std::string read_file(const std::string& path);
/// What is in a folder, "." and ".." too; empty when it cannot be read.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace hlid::guest
