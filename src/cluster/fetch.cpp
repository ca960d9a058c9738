#include "cluster/fetch.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cluster/channel.h"
#include "cluster/release_folder.h"
#include "net/download.h"
#include "sys/files.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostChecksums = 1 << 20;   // bytes
constexpr int kFirstContact = 2;                   // attempts: whether it can be reached at all
constexpr int kWithoutProgress = 5;                // attempts that bring nothing
constexpr std::chrono::milliseconds kPause{1000};  // before the second attempt, doubled for each further one
constexpr std::chrono::milliseconds kLookAgain{500};  // whether another process has finished

std::string join_names(const std::vector<Part>& parts) {
  std::vector<std::string> names;
  for (const auto& part : parts)
    if (std::find(names.begin(), names.end(), part.names.front()) == names.end())
      names.push_back(part.names.front());
  return join(names, ", ");
}

/// What all callers work with.
struct Work {
  Work(const model::Cluster& cluster, const Version& chosen, const ReleaseAccess& given)
      : wanted(cluster),
        traits(traits_of(cluster.distribution)),
        version(chosen),
        access(given),
        known(given.cache / "known-files.json", given.runner, given.stop),
        home(given.cache / chosen.text()) {
    if (version.distribution != traits.name)
      throw Error(Errc::spec, "{} is no release of {}", version.text(), traits.name);
  }
  const model::Cluster& wanted;
  const Traits& traits;
  const Version& version;
  const ReleaseAccess& access;
  KnownFiles known;
  fs::path home;  ///< of the release in the cache

  bool from_folder() const { return !wanted.artifacts.empty(); }
  ReleaseFolder folder() {
    if (!from_folder()) return {home, {}, traits, known};
    const fs::path given = wanted.artifacts;
    if (fs::is_directory(given / version.text()))
      return {given / version.text(), {given / version.text(), given}, traits, known};
    return {given, {given}, traits, known};
  }
  ReleaseSet verify(const ReleaseFolder& from, ReleaseFolder::Picked picked) const {
    return from.verify(std::move(picked), version, access.cache / "sets",
                       [this](const std::string& name, int number, int count) {
                         if (access.stop.stop_requested()) throw Error(Errc::interrupted, "interrupted");
                         access.progress({FetchProgress::Doing::checking, name, number, count, 0, 0});
                       });
  }
};

void require_kube_vip(const Work& work, const ReleaseFolder::Picked& picked) {
  if (!picked.lacks_kube_vip) return;
  throw Error(Errc::precondition,
              "no-kube-vip: cluster.vip needs the image of kube-vip, and no archive of {} has it",
              work.version.text())
      .with_hint(
          "put an archive of it, kube-vip.tar, beside the release's files in the folder of "
          "cluster.artifacts, or leave cluster.vip out");
}

// From a folder

/// A folder whose archives say that they are another release would silently install that one.
void require_release(const Work& work, const ReleaseFolder& folder) {
  const auto found = folder.version();
  if (!found || *found == work.version) return;
  throw Error(Errc::precondition, "'{}' holds {}, the file asks for {}", folder.path().string(),
              found->text(), work.version.text())
      .with_hint("cluster.version: " + found->text());
}

ReleaseSet from_folder(Work& work) {
  const auto folder = work.folder();
  auto picked = folder.pick(work.version, work.wanted);
  if (!picked.missing.empty())
    throw Error(Errc::precondition, "release-not-reached: '{}' lacks files of {}: {}", folder.path().string(),
                work.version.text(), join_names(picked.missing))
        .with_hint(
            fmt::format("copy them there from {}/{}, or leave cluster.artifacts out to have hlid fetch "
                        "them",
                        work.traits.releases, work.version.url_text()));
  require_kube_vip(work, picked);
  require_release(work, folder);
  return work.verify(folder, std::move(picked));
}

// From the internet

/// Goes on after what may pass by itself; gives up when several attempts in a row bring nothing.
void download_patiently(const Work& work, const net::Download& what, int attempts) {
  std::int64_t best = -1;
  for (int failures = 0;;) {
    try {
      net::download(work.access.http, what, work.access.stop);
      return;
    } catch (const Error& error) {
      if (error.code() != Errc::io && error.code() != Errc::timeout) throw;
      std::error_code absent;
      const auto size = static_cast<std::int64_t>(fs::file_size(what.file, absent));
      failures = !absent && size > best && best >= 0 ? 1 : failures + 1;
      best = absent ? 0 : size;
      if (failures >= attempts) throw;
      if (!work.access.clock.sleep(kPause * (1 << failures), work.access.stop))
        throw Error(Errc::interrupted, "interrupted");
    }
  }
}

/// A network that wants its users to log in first answers everything with a page of its own.
void require_checksums(const fs::path& file, const std::string& url) {
  if (!parse_checksums(sys::read_file(file, kMostChecksums)).empty()) return;
  fs::remove(file);
  throw Error(Errc::protocol, "'{}' is no list of checksums", url);
}

/// One file of the release into the cache, whole and with `digest` ("": the checksums themselves).
void fetch_file(Work& work, const std::string& name, const std::string& digest, int number, int count) {
  const auto part = work.home / (name + ".part");
  const auto base = work.access.releases.empty() ? std::string(work.traits.releases) : work.access.releases;
  net::Download what{.url = base + "/" + work.version.url_text() + "/" + name, .file = part};
  if (digest.empty()) what.limit = kMostChecksums;
  what.on_progress = [&](std::int64_t done, std::int64_t total) {
    work.access.progress({FetchProgress::Doing::fetching, name, number, count, done, total});
  };
  std::string found;
  for (int tries = 0; tries < 2; ++tries) {
    download_patiently(work, what, digest.empty() ? kFirstContact : kWithoutProgress);
    if (!digest.empty()) found = work.known.sha256(part);
    if (digest.empty()) require_checksums(part, what.url);
    if (found == digest) {
      sys::move_durable(part, work.home / name);
      return work.known.moved(part, work.home / name);
    }
    fs::remove(part);  // resumed from another file, or damaged on the way: once more, from nothing
  }
  throw Error(Errc::precondition, "corrupt: '{}' came with the digest {}, the release's is {}", what.url,
              found, digest)
      .with_hint("something between this host and the server changes files; try another network");
}

/// Of the names that a part may have, the first that the release has.
std::optional<std::string> published_name(const Part& part,
                                          const std::map<std::string, std::string>& checksums) {
  for (const auto& name : part.names)
    if (checksums.count(name) != 0) return name;
  return std::nullopt;
}

/// A release without an archive of its own for kube-vip may have the image among the others: that shows once
/// they are here. False: there was nothing to fetch.
bool fetch_missing(Work& work, const std::vector<Part>& missing) {
  sys::make_folder(work.home);
  const auto folder = work.folder();
  if (!folder.checksums()) fetch_file(work, checksum_file_name(work.traits), "", 1, 1);
  const auto checksums = folder.checksums().value();
  std::vector<std::string> names;
  for (const auto& part : missing) {
    if (part.names.front() == checksum_file_name(work.traits)) continue;
    const auto name = published_name(part, checksums);
    if (!name && part == kube_vip_part(work.traits)) continue;
    if (!name)
      throw Error(Errc::precondition, "release-not-reached: {} has no file with {}", work.version.text(),
                  part.what)
          .with_hint("choose another release, or give its files in a folder: cluster.artifacts");
    if (std::find(names.begin(), names.end(), *name) == names.end()) names.push_back(*name);
  }
  int number = 0;
  for (const auto& name : names)
    fetch_file(work, name, checksums.at(name), ++number, static_cast<int>(names.size()));
  return !names.empty();
}

/// What keeps the release from being fetched, with all that the user needs to do without.
Error not_reached(const Work& work, const std::vector<Part>& missing, const Error& reason) {
  const auto base = work.access.releases.empty() ? std::string(work.traits.releases) : work.access.releases;
  return Error(Errc::precondition, "release-not-reached: {} cannot be fetched ({}); needed: {}",
               work.version.text(), reason.what(), join_names(missing))
      .with_hint(
          fmt::format("let this host reach {}, or copy these files from {}/{} into a folder and name it "
                      "in cluster.artifacts",
                      require_safe_source(base), base, work.version.url_text()));
}

bool is_unreachable(Errc code) {
  return code == Errc::io || code == Errc::timeout || code == Errc::not_found || code == Errc::denied ||
         code == Errc::protocol;
}

sys::FileLock hold(const Work& work) {
  sys::make_folder(work.access.cache);
  for (;;) {
    auto lock = sys::FileLock::try_lock(work.access.cache / ("lock-" + work.version.text()));
    if (lock) return std::move(*lock);
    if (!work.access.clock.sleep(kLookAgain, work.access.stop)) throw Error(Errc::interrupted, "interrupted");
  }
}

/// A file of the cache that is not what it was when it was fetched is fetched again.
std::optional<ReleaseSet> verify_cached(Work& work, const ReleaseFolder& folder,
                                        ReleaseFolder::Picked picked) {
  const auto checksums = folder.checksums().value();
  bool whole = true;
  for (const auto& file : picked.files) {
    const auto line = checksums.find(file.name);
    if (line != checksums.end() && work.known.sha256(file.path) == line->second) continue;
    fs::remove(file.path);
    whole = false;
  }
  if (!whole) return std::nullopt;
  return work.verify(folder, std::move(picked));
}

ReleaseSet from_internet(Work& work) {
  const auto lock = hold(work);
  const auto folder = work.folder();
  for (;;) {
    auto picked = folder.pick(work.version, work.wanted);
    if (picked.missing.empty()) {
      require_kube_vip(work, picked);
      if (auto release = verify_cached(work, folder, std::move(picked))) return *release;
      continue;
    }
    try {
      require_safe_source(work.access.releases.empty() ? std::string(work.traits.releases)
                                                       : work.access.releases);
      if (!fetch_missing(work, picked.missing)) require_kube_vip(work, picked);
    } catch (const Error& error) {
      if (!is_unreachable(error.code())) throw;
      throw not_reached(work, picked.missing, error);
    }
  }
}

void reach(Work& work) {
  const auto lock = hold(work);
  const auto folder = work.folder();
  const auto picked = folder.pick(work.version, work.wanted);
  if (picked.missing.empty() || folder.checksums()) return;
  try {
    require_safe_source(work.access.releases.empty() ? std::string(work.traits.releases)
                                                     : work.access.releases);
    sys::make_folder(work.home);
    fetch_file(work, checksum_file_name(work.traits), "", 1, 1);
  } catch (const Error& error) {
    if (!is_unreachable(error.code())) throw;
    throw not_reached(work, picked.missing, error);
  }
}

/// Of the folders called as releases, the newest that the channel allows.
std::optional<Version> newest_in(const fs::path& folder, const Traits& traits, const std::string& channel) {
  std::optional<Version> newest;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    const auto version = Version::parse(entry.path().filename().string());
    if (!version || !entry.is_directory() || version->distribution != traits.name) continue;
    if (channel.rfind('v', 0) == 0 && version->minor_text() != channel) continue;
    if (!newest || *newest < *version) newest = version;
  }
  return newest;
}

Version version_in_folder(const model::Cluster& wanted, const Traits& traits, const ReleaseAccess& access) {
  const fs::path folder = wanted.artifacts;
  if (const auto newest = newest_in(folder, traits, wanted.channel)) return *newest;
  KnownFiles known(access.cache / "known-files.json", access.runner, access.stop);
  if (const auto found = ReleaseFolder(folder, {}, traits, known).version()) return *found;
  throw Error(Errc::precondition, "the files in '{}' do not say which release they are", wanted.artifacts)
      .with_hint("write it into cluster.version");
}

}  // namespace

Version chosen_version(const model::Cluster& wanted, const ReleaseAccess& access) {
  const auto& traits = traits_of(wanted.distribution);
  if (!wanted.version.empty()) {
    if (const auto version = Version::parse(wanted.version)) return *version;
    throw Error(Errc::spec, "'{}' is no release", wanted.version);
  }
  if (!wanted.artifacts.empty()) return version_in_folder(wanted, traits, access);
  return channel_version(traits, wanted.channel.empty() ? "stable" : wanted.channel, access);
}

std::optional<ReleaseSet> find_release(const model::Cluster& wanted, const Version& version,
                                       const ReleaseAccess& access) {
  Work work(wanted, version, access);
  const auto folder = work.folder();
  auto picked = folder.pick(version, wanted);
  if (!picked.missing.empty() || picked.lacks_kube_vip) return std::nullopt;
  if (!work.from_folder()) return verify_cached(work, folder, std::move(picked));
  require_release(work, folder);
  return work.verify(folder, std::move(picked));
}

void require_reachable(const model::Cluster& wanted, const Version& version, const ReleaseAccess& access) {
  Work work(wanted, version, access);
  if (work.from_folder())
    from_folder(work);
  else
    reach(work);
}

ReleaseSet resolve(const model::Cluster& wanted, const Version& version, const ReleaseAccess& access) {
  Work work(wanted, version, access);
  return work.from_folder() ? from_folder(work) : from_internet(work);
}

ReleaseSet resolve(const model::Cluster& wanted, const ReleaseAccess& access) {
  return resolve(wanted, chosen_version(wanted, access), access);
}

}  // namespace hlid::cluster
