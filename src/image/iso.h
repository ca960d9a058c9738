#pragma once
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <variant>

namespace hlid::image {

/// A file of the host whose bytes a file of a disc gets; streamed, any size.
struct HostFile {
  std::filesystem::path path;
};

/// What a file of a disc holds.
using IsoContent = std::variant<std::string, HostFile>;

/// Writes a disc as Proxmox VE makes its cloud-init drives (`genisoimage -R -iso-level 3`): ISO 9660 level 3
/// with Rock Ridge, no Joliet; files above 4 GiB are allowed. Names are paths with '/', folders come by
/// themselves. All files are 0644 root:root and carry the time 2000-01-01, so the same input gives the same
/// bytes. `path` appears whole or not at all. Throws Error: io, usage (a name with "..", a volume id over 32
/// bytes), interrupted.
void write_iso(const std::filesystem::path& path, const std::string& volume_id,
               const std::map<std::string, IsoContent>& files, std::stop_token stop = {});

}  // namespace hlid::image
