#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/guest.h"
#include "cluster/release.h"

/// Puts a release in place on one machine. Nothing is enabled, started or restarted here.
namespace hlid::cluster {

/// Which version may give way to the wanted one.
enum class Replace {
  nothing,  ///< first installation: another version in place is an error
  older,    ///< upgrade: one that move_between allows
  any,      ///< restore onto the release of a snapshot
};

struct InstallOptions {
  Replace replace = Replace::nothing;
  double patience = 1.0;  ///< deadlines times this
  std::function<void(const std::string&)> phase = [](const std::string&) {};
};

struct Installed {
  bool changed = false;  ///< false: it was in place already, the disc was not even inserted
  std::string before;    ///< version that gave way; empty: none
};

/// Verifies and places the release: everything is checked and staged first, then renamed into its place, the
/// program last, so that a machine that loses power at any moment has the old one or the new one and the next
/// call mends the rest. Archives of other versions are removed, `.cache.json` is touched (so that images are
/// imported once and not at every start). Idempotent. Throws Error(precondition) with the machine's evidence:
/// "no-space" (path, needed, free), "corrupt" (file, digests), "missing" (file or its checksum line),
/// "other-version", "wrong-version" (the program in the release says it is another), "cannot-run",
/// "cannot-write"; and what Guest throws.
Installed install(Guest& guest, const ReleaseSet& release, const InstallOptions& options = {});

/// Whether the machine has exactly this release in place, by one short script.
bool is_installed(Guest& guest, const ReleaseSet& release);

/// The script with its positional arguments, as install() runs it: for tests that run it without a machine.
/// `mode`: look or place. `may_replace`: the one other version that may give way. `root` is put before every
/// path but the disc's ("" in a machine).
std::string_view install_script();
std::vector<std::string> install_arguments(const ReleaseSet& release, std::string_view mode,
                                           std::string_view disc = "", std::string_view may_replace = "",
                                           std::string_view root = "");

}  // namespace hlid::cluster
