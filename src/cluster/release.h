#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/traits.h"
#include "cluster/version.h"
#include "model/homelab.h"

/// The files of one release: which are needed, what they are called, whether they are whole. Pure but for
/// reading what it is given; fetch.h gets them.
namespace hlid::cluster {

enum class PartKind { program, images };

/// A part of a release that is needed, under any of several names.
struct Part {
  PartKind kind = PartKind::program;
  std::string what;  ///< for messages: "the images of the CNI calico"
  /// Best first; in a folder the first that is there is taken, from the internet the first.
  std::vector<std::string> names;
  bool operator==(const Part&) const = default;
};

/// sha256sum(1)'s file: name → digest in lower case. Lines of other forms are skipped, a "*" before the name
/// and folders in it too. A name with two different digests throws Error(protocol).
std::map<std::string, std::string> parse_checksums(std::string_view text);
std::string checksum_file_name(const Traits& traits);  ///< "sha256sum-amd64.txt"
/// What a cluster like this needs of a release, the program first, then the images of the core, of its CNI
/// and of its ingress controller. One archive may be several parts: RKE2's combined one has core and canal.
std::vector<Part> parts_of(const Traits& traits, const Version& version, const model::Cluster& cluster);
/// The archive of the release that has kube-vip's image; nullopt: none (K3s).
std::optional<Part> kube_vip_part(const Traits& traits);

struct ReleaseFile {
  PartKind kind = PartKind::program;
  std::string name;            ///< as the release calls it, or as the folder does: kube-vip.tar.zst
  std::filesystem::path path;  ///< on the host
  std::string sha256;          ///< lower case; the file was found to have it
  std::int64_t size = 0;       ///< bytes
};

/// One release on the host, whole and verified.
struct ReleaseSet {
  const Traits* traits = nullptr;
  Version version;
  std::vector<ReleaseFile> files;   ///< the program first
  std::filesystem::path checksums;  ///< written by us: sha256sum(1)'s format, one line for each of `files`
  std::string checksums_sha256;     ///< its own digest: tells one set of files from another
  /// As the archives call it, "docker.io/rancher/mirrored-kube-vip-kube-vip-iptables:v1.2.3"; empty: none of
  /// them has it, and a VIP would need the machines to reach a registry.
  std::string kube_vip_image;

  const ReleaseFile& program() const { return files.front(); }
  /// What goes on the disc: name in it → host file.
  std::map<std::string, std::filesystem::path> disc() const;
  std::int64_t size() const;  ///< of all files, bytes
};
/// Of the checksum file on the disc.
inline constexpr std::string_view kDiscChecksums = "hlid-sha256.txt";

/// The image references that an archive of images holds: manifest.json of "docker save" or index.json of an
/// OCI layout (OCI Image Layout Specification 1.1; annotation io.containerd.image.name). Throws
/// Error(protocol) for text that is neither.
std::vector<std::string> image_names(std::string_view manifest_or_index);
/// The lists that releases have beside their archives: one reference a line.
std::vector<std::string> image_list(std::string_view text);
/// The kube-vip among them, the plain one before the one with iptables; nullopt: none.
std::optional<std::string> find_kube_vip(const std::vector<std::string>& images);
/// The version that they are of, by the runtime's image (RKE2 only); nullopt: it is not among them.
std::optional<Version> version_of(const Traits& traits, const std::vector<std::string>& images);

}  // namespace hlid::cluster
