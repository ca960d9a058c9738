#pragma once
#include <filesystem>
#include <string>

#include "cluster/fetch.h"

namespace hlid::cluster {

/// The release that a channel points to now: the service answers with a redirect to its page
/// (docs.rke2.io, "Manual Upgrades", release channels). The answer is remembered in the cache. When the
/// service cannot be reached, what was remembered is taken, and if there is nothing, Error(precondition)
/// "release-not-reached" says what can be done; Error(interrupted) passes.
Version channel_version(const Traits& traits, const std::string& channel, const ReleaseAccess& access);

/// "https://host" of a URL that may be fetched from: https, or this machine itself. Throws Error(spec).
std::string require_safe_source(const std::string& url);

}  // namespace hlid::cluster
