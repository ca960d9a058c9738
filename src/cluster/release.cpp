#include "cluster/release.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace hlid::cluster {
namespace {

// Proxmox VE runs on this one only, and the embedded node runs machines of the host's.
constexpr std::string_view kArchitecture = "amd64";

/// Of an archive of images called `stem`: the smaller form first.
std::vector<std::string> archives(const std::string& stem) {
  return {stem + ".tar.zst", stem + ".tar.gz"};
}

/// RKE2's archives: "rke2-images-cilium.linux-amd64"; the combined one has no second word.
std::vector<std::string> rke2_images(std::string_view which) {
  return archives(fmt::format("rke2-images{}{}.linux-{}", which.empty() ? "" : "-", which, kArchitecture));
}

std::vector<std::string> operator+(std::vector<std::string> first, const std::vector<std::string>& then) {
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

/// The combined archive is core and canal; split ones are smaller for every other network.
void add_rke2_network(std::vector<Part>& parts, const model::Cluster& cluster) {
  const auto combined = rke2_images("");
  if (cluster.cni == "canal" || cluster.cni.empty()) {
    parts.push_back({PartKind::images, "the images of the core", combined + rke2_images("core")});
    parts.push_back({PartKind::images, "the images of the CNI canal", combined + rke2_images("canal")});
    return;
  }
  parts.push_back({PartKind::images, "the images of the core", rke2_images("core") + combined});
  if (cluster.cni != "none")
    parts.push_back({PartKind::images, "the images of the CNI " + cluster.cni, rke2_images(cluster.cni)});
}

/// Until v1.35 nginx's controller was part of the core, since v1.36 it is Traefik (docs.rke2.io, "Ingress
/// Controller").
void add_rke2_ingress(std::vector<Part>& parts, const Version& version, const std::string& ingress) {
  const std::string in_core = version.minor >= 36 ? "traefik" : "ingress-nginx";
  if (ingress.empty() || ingress == "none" || ingress == in_core) return;
  parts.push_back(
      {PartKind::images, "the images of the ingress controller " + ingress, rke2_images(ingress)});
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// "docker save": [{"RepoTags": ["rancher/pause:3.6"]}].
void add_saved(std::vector<std::string>& names, const json::array& manifest) {
  for (const auto& image : manifest) {
    const auto* tags = image.is_object() ? image.get_object().if_contains("RepoTags") : nullptr;
    if (tags == nullptr || !tags->is_array()) continue;
    for (const auto& tag : tags->get_array())
      if (tag.is_string()) names.emplace_back(tag.get_string());
  }
}

/// An OCI layout: the name stands in an annotation, containerd's own or the standard one (which may be no
/// more than a tag).
void add_layout(std::vector<std::string>& names, const json::array& manifests) {
  for (const auto& image : manifests) {
    const auto* notes = image.is_object() ? image.get_object().if_contains("annotations") : nullptr;
    if (notes == nullptr || !notes->is_object()) continue;
    const auto& found = notes->get_object();
    auto name = get_string(found, "io.containerd.image.name");
    if (!name) name = get_string(found, "org.opencontainers.image.ref.name");
    if (name && contains(*name, ":")) names.push_back(*name);
  }
}

std::string_view repository_of(std::string_view image) {
  const auto tag = image.rfind(':');
  const auto slash = image.rfind('/');
  if (tag == std::string_view::npos || (slash != std::string_view::npos && tag < slash)) return image;
  return image.substr(0, tag);
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

std::map<std::string, std::string> parse_checksums(std::string_view text) {
  std::map<std::string, std::string> found;
  for (const auto& line : split(text, '\n')) {
    const auto words = split_list(line, " \t\r");
    if (words.size() != 2) continue;
    const auto digest = to_lower(words[0]);
    if (!is_digest(digest)) continue;
    auto name = words[1];
    name.erase(0, name.rfind('/') == std::string::npos ? (name[0] == '*' ? 1 : 0) : name.rfind('/') + 1);
    const auto [at, added] = found.emplace(name, digest);
    if (name.empty() || (!added && at->second != digest))
      throw Error(Errc::protocol, "the checksums have two digests for '{}'", name);
  }
  return found;
}

std::string checksum_file_name(const Traits&) {
  return fmt::format("sha256sum-{}.txt", kArchitecture);  // called the same by both
}

std::vector<Part> parts_of(const Traits& traits, const Version& version, const model::Cluster& cluster) {
  if (traits.name == "k3s")
    return {{PartKind::program, "the program", {"k3s"}},
            {PartKind::images, "the images", archives(fmt::format("k3s-airgap-images-{}", kArchitecture))}};
  std::vector<Part> parts;
  parts.push_back(
      {PartKind::program, "the program", {fmt::format("{}.linux-{}.tar.gz", traits.name, kArchitecture)}});
  add_rke2_network(parts, cluster);
  add_rke2_ingress(parts, version, cluster.ingress);
  return parts;
}

std::optional<Part> kube_vip_part(const Traits& traits) {
  if (!traits.bundled_kube_vip) return std::nullopt;
  return Part{PartKind::images, "the image of kube-vip", rke2_images("harvester")};
}

std::map<std::string, std::filesystem::path> ReleaseSet::disc() const {
  std::map<std::string, std::filesystem::path> found{{std::string(kDiscChecksums), checksums}};
  for (const auto& file : files) found.emplace(file.name, file.path);
  return found;
}

std::int64_t ReleaseSet::size() const {
  std::int64_t sum = 0;
  for (const auto& file : files) sum += file.size;
  return sum;
}

std::vector<std::string> image_names(std::string_view manifest_or_index) {
  const auto value = parse_json(manifest_or_index, "the archive's list of images");
  std::vector<std::string> names;
  if (value.is_array()) {
    add_saved(names, value.get_array());
    return names;
  }
  const auto* manifests = value.is_object() ? value.get_object().if_contains("manifests") : nullptr;
  if (manifests == nullptr || !manifests->is_array())
    throw Error(Errc::protocol, "the archive's list of images is neither docker's nor OCI's");
  add_layout(names, manifests->get_array());
  return names;
}

std::vector<std::string> image_list(std::string_view text) {
  std::vector<std::string> names;
  for (const auto& line : split(text, '\n'))
    if (const auto name = trim(line); !name.empty() && name.front() != '#') names.emplace_back(name);
  return names;
}

std::optional<std::string> find_kube_vip(const std::vector<std::string>& images) {
  // RKE2 ships a mirror of the one with iptables; it does all that the plain one does.
  for (const std::string_view ending : {"kube-vip", "kube-vip-iptables"})
    for (const auto& image : images) {
      const auto repository = repository_of(image);
      const auto name = repository.substr(repository.rfind('/') + 1);
      if (repository.size() == image.size()) continue;  // no tag: nothing that a manifest could name
      if (name == ending || ends_with(name, "-" + std::string(ending))) return image;
    }
  return std::nullopt;
}

std::optional<Version> version_of(const Traits& traits, const std::vector<std::string>& images) {
  if (traits.runtime_image.empty()) return std::nullopt;
  for (const auto& image : images) {
    const auto repository = repository_of(image);
    if (!ends_with(repository, traits.runtime_image) || repository.size() == image.size()) continue;
    auto tag = image.substr(repository.size() + 1);
    if (const auto minus = tag.rfind('-'); minus != std::string::npos) tag[minus] = '+';
    if (const auto version = Version::parse(tag)) return version;
  }
  return std::nullopt;
}

}  // namespace hlid::cluster
