#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/known_files.h"
#include "cluster/release.h"

namespace hlid::cluster {

/// A folder with the files of one release: the user's, or the cache's.
class ReleaseFolder {
 public:
  /// `own`: folders where archives of the user's own lie (kube-vip*.tar*, images/*.tar*), the first one wins.
  ReleaseFolder(std::filesystem::path folder, std::vector<std::filesystem::path> own, const Traits& traits,
                KnownFiles& known);

  const std::filesystem::path& path() const { return folder_; }
  /// What the release's checksum file has; nullopt: it is not there. Throws Error(protocol).
  std::optional<std::map<std::string, std::string>> checksums() const;
  /// The release that its archives say they are of; nullopt: they do not say.
  std::optional<Version> version() const;

  struct PickedFile {
    PartKind kind = PartKind::images;
    std::string name;
    std::filesystem::path path;
    bool own = false;  ///< the user's, so that the release's checksums need not have it
  };
  /// Which files make up the release; nothing is verified yet.
  struct Picked {
    std::vector<PickedFile> files;
    std::vector<Part> missing;  ///< the checksum file too
    std::string kube_vip_image;
    bool lacks_kube_vip = false;  ///< the lab has a VIP, and no archive its image (see `missing` too)
  };
  Picked pick(const Version& version, const model::Cluster& cluster) const;

  /// Verifies what was picked and writes its checksum file into `sets`. `checking` is told each file. Throws
  /// Error(precondition): "corrupt: …" for a file that is not what the checksums say, "missing: …" for one
  /// that they do not have.
  ReleaseSet verify(
      Picked picked, const Version& version, const std::filesystem::path& sets,
      const std::function<void(const std::string& name, int number, int count)>& checking) const;

 private:
  std::optional<std::string> find(const Part& part) const;
  void add_own(Picked& picked) const;
  void add_kube_vip(Picked& picked) const;
  bool take_kube_vip(Picked& picked, bool own) const;

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> own_;
  const Traits& traits_;
  KnownFiles& known_;
};

}  // namespace hlid::cluster
