#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "cluster/release.h"
#include "net/http_client.h"
#include "sys/clock.h"
#include "sys/process.h"

/// From what the file asks for to a release on the host: `artifacts: DIR`, else the cache, else the internet.
namespace hlid::cluster {

struct FetchProgress {
  enum class Doing { fetching, checking } doing = Doing::fetching;
  std::string file;
  int number = 1, count = 1;  ///< which one of how many
  std::int64_t done = 0;      ///< bytes of this file
  std::int64_t total = 0;     ///< 0: not known yet
};

/// What getting a release needs. All of it outlives the call.
struct ReleaseAccess {
  std::filesystem::path cache;  ///< folder kept between runs; made when absent
  net::HttpClient& http;        ///< that believes the system's authorities
  sys::ProcessRunner& runner;   ///< tar(1) looks into archives
  sys::Clock& clock;
  std::function<void(const FetchProgress&)> progress = [](const FetchProgress&) {};
  std::stop_token stop = {};
  std::string releases = {};  ///< URL instead of the distribution's own; a mirror
  std::string channels = {};
};

/// The release that is meant: cluster.version; else what the folder holds (its newest one that the channel
/// allows); else what the channel points to, which is asked for over the network and, when that does not
/// answer, remembered from the last time. Throws Error(precondition) "release-not-reached".
Version chosen_version(const model::Cluster& wanted, const ReleaseAccess& access);

/// Without the network: the release if all its files are here (folder or cache), nullopt if some must be
/// fetched. Hashes what it has not hashed yet; a file of the cache that is damaged goes. Throws as resolve()
/// does for a folder whose files are wrong.
std::optional<ReleaseSet> find_release(const model::Cluster& wanted, const Version& version,
                                       const ReleaseAccess& access);

/// Whether resolve() can be begun: of a release that is not here yet the checksums are fetched into the
/// cache, a few lines of text. Throws as resolve() does.
void require_reachable(const model::Cluster& wanted, const Version& version, const ReleaseAccess& access);

/// The release with all its files, fetching what is missing: what broke off is resumed, every file is
/// verified against the release's own checksums. Safe to run from several processes at once. Idempotent.
/// Throws Error: precondition when they cannot be had (the message begins with "release-not-reached" and
/// names the files, the hint the two ways to supply them), when a file is not what the checksums say, when
/// the folder has another release than the file asks for, when the disk is full, or when the VIP needs
/// kube-vip's image and no archive has it; interrupted.
///
/// An artifacts folder holds the files of one release, or folders called as releases (v1.34.1+rke2r1/) that
/// each do. Archives of images of the user's own (.tar, .tar.gz, .tar.zst) go along when they lie in images/
/// in the folder, or in the folder itself and are called kube-vip*; the release's checksums need not have
/// them.
ReleaseSet resolve(const model::Cluster& wanted, const ReleaseAccess& access);
ReleaseSet resolve(const model::Cluster& wanted, const Version& version, const ReleaseAccess& access);

}  // namespace hlid::cluster
