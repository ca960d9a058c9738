#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "template/release.h"

namespace hlid::templates {

/// Where the archive keys of a release are that come with the project: $HLID_DATADIR/keyrings,
/// ../share/hlid/keyrings beside the program, or the source tree it was built from. nullopt when the release
/// uses the host's keys. Throws Error(precondition) when they are nowhere.
std::optional<std::filesystem::path> find_keyring(const Release& release);

/// SHA-256 of those keys; empty when the release uses the host's, or they cannot be found (the build then
/// says so).
std::string keyring_digest(const Release& release);

}  // namespace hlid::templates
