#include "cluster/release_folder.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

bool is_archive(const std::string& name) {
  for (const std::string_view end : {".tar", ".tar.gz", ".tar.zst"})
    if (name.size() > end.size() && std::string_view(name).substr(name.size() - end.size()) == end)
      return true;
  return false;
}

/// Names travel on a disc, in a checksum file and through a script.
void require_plain(const fs::path& file) {
  const auto name = file.filename().string();
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._+-").find(c) != std::string_view::npos;
  });
  if (!plain)
    throw Error(Errc::precondition, "the archive '{}' has a name that cannot go along", file.string())
        .with_hint("rename it: letters, digits, '.', '_', '+' and '-'");
}

/// The regular files of a folder by name, in order; none when it does not exist.
std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent))
    if (entry.is_regular_file()) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

bool has(const std::vector<ReleaseFolder::PickedFile>& files, const std::string& name) {
  return std::any_of(files.begin(), files.end(), [&](const auto& file) { return file.name == name; });
}

}  // namespace

ReleaseFolder::ReleaseFolder(fs::path folder, std::vector<fs::path> own, const Traits& traits,
                             KnownFiles& known)
    : folder_(std::move(folder)), own_(std::move(own)), traits_(traits), known_(known) {}

std::optional<std::map<std::string, std::string>> ReleaseFolder::checksums() const {
  const auto text = sys::read_file_if_exists(folder_ / checksum_file_name(traits_), 1U << 20);
  if (!text) return std::nullopt;
  return with_context("'" + (folder_ / checksum_file_name(traits_)).string() + "'",
                      [&] { return parse_checksums(*text); });
}

std::optional<Version> ReleaseFolder::version() const {
  if (traits_.runtime_image.empty()) return std::nullopt;
  const auto stem = std::string(traits_.name) + "-images";
  for (const auto& file : files_of(folder_)) {
    const auto name = file.filename().string();
    if (!is_archive(name) || name.rfind(stem, 0) != 0) continue;
    if (const auto found = version_of(traits_, known_.images(file))) return found;
  }
  return std::nullopt;
}

std::optional<std::string> ReleaseFolder::find(const Part& part) const {
  for (const auto& name : part.names)
    if (fs::is_regular_file(folder_ / name)) return name;
  return std::nullopt;
}

void ReleaseFolder::add_own(Picked& picked) const {
  for (const auto& folder : own_) {
    auto found = files_of(folder / "images");
    for (const auto& file : files_of(folder))
      if (file.filename().string().rfind("kube-vip", 0) == 0) found.push_back(file);
    for (const auto& file : found) {
      const auto name = file.filename().string();
      if (!is_archive(name) || has(picked.files, name)) continue;
      require_plain(file);
      picked.files.push_back({PartKind::images, name, file, true});
    }
  }
}

bool ReleaseFolder::take_kube_vip(Picked& picked, bool own) const {
  for (const auto& file : picked.files) {
    if (file.kind != PartKind::images || file.own != own) continue;
    picked.kube_vip_image = find_kube_vip(known_.images(file.path)).value_or("");
    if (!picked.kube_vip_image.empty()) return true;
  }
  return false;
}

/// The user's archives first, then the release's that is known to have it, then the large ones.
void ReleaseFolder::add_kube_vip(Picked& picked) const {
  if (take_kube_vip(picked, true)) return;
  const auto part = kube_vip_part(traits_);
  const auto bundled = part ? find(*part) : std::nullopt;
  if (bundled) {
    picked.files.push_back({PartKind::images, *bundled, folder_ / *bundled, false});
    picked.kube_vip_image = find_kube_vip(known_.images(folder_ / *bundled)).value_or("");
    if (!picked.kube_vip_image.empty()) return;
  }
  if (take_kube_vip(picked, false)) return;
  picked.lacks_kube_vip = true;
  if (part && !bundled) picked.missing.push_back(*part);
}

ReleaseFolder::Picked ReleaseFolder::pick(const Version& version, const model::Cluster& cluster) const {
  Picked picked;
  if (!checksums())
    picked.missing.push_back({PartKind::program, "the checksums", {checksum_file_name(traits_)}});
  for (const auto& part : parts_of(traits_, version, cluster)) {
    if (const auto name = find(part); !name) {
      picked.missing.push_back(part);
    } else if (!has(picked.files, *name)) {
      picked.files.push_back({part.kind, *name, folder_ / *name, false});
    }
  }
  add_own(picked);
  if (cluster.vip) add_kube_vip(picked);
  return picked;
}

ReleaseSet ReleaseFolder::verify(Picked picked, const Version& version, const fs::path& sets,
                                 const std::function<void(const std::string&, int, int)>& checking) const {
  const auto wanted = checksums().value_or(std::map<std::string, std::string>{});
  ReleaseSet release{&traits_, version, {}, {}, {}, std::move(picked.kube_vip_image)};
  std::string lines;
  for (const auto& [kind, name, path, own] : picked.files) {
    checking(name, static_cast<int>(release.files.size()) + 1, static_cast<int>(picked.files.size()));
    const auto line = wanted.find(name);
    if (line == wanted.end() && !own)
      throw Error(Errc::precondition, "missing: '{}' has no line for '{}'",
                  (folder_ / checksum_file_name(traits_)).string(), name)
          .with_hint("get the checksums of this very release");
    const auto digest = known_.sha256(path);
    if (line != wanted.end() && line->second != digest)
      throw Error(Errc::precondition, "corrupt: the digest of '{}' is {}, the release's is {}", path.string(),
                  digest, line->second)
          .with_hint("get the file again");
    release.files.push_back({kind, name, path, digest, static_cast<std::int64_t>(fs::file_size(path))});
    lines += fmt::format("{}  {}\n", digest, name);
  }
  release.checksums_sha256 = sys::sha256_hex(lines);
  release.checksums = sets / (release.checksums_sha256.substr(0, 16) + ".txt");
  sys::make_folder(sets);
  if (sys::read_file_if_exists(release.checksums) != lines) sys::write_durable(release.checksums, lines);
  return release;
}

}  // namespace hlid::cluster
