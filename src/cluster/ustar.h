#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace hlid::cluster {

/// A regular file in a ustar archive (POSIX.1-1988 "ustar" interchange format).
struct ArchivePart {
  std::string name;
  std::int64_t offset = 0;  ///< of its first byte in the archive
  std::int64_t size = 0;
};

/// The files in an archive that ends properly, in their order; others (folders, links) are left out. Throws
/// Error: not_found, protocol when it is no such archive, is damaged or was cut off.
std::vector<ArchivePart> read_archive(const std::filesystem::path& path);

/// The bytes of one part, at most `most` (Error(protocol) for a larger one).
std::string read_part(const std::filesystem::path& path, const ArchivePart& part, std::int64_t most);
/// Copies a part of any size to `to`, a new file (0600); not synced to the disk.
void extract_part(const std::filesystem::path& path, const ArchivePart& part,
                  const std::filesystem::path& to);

}  // namespace hlid::cluster
