#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "sys/process.h"

namespace hlid::image {

/// Where a file system lies in an image.
struct Region {
  std::filesystem::path image;
  Bytes start;
  Bytes size;
};

/// Makes an ext4 file system at the region that holds what `folder` holds, owners and extended attributes
/// included. `prefix` goes before mkfs.ext4's argv: where only a user namespace can read the folder, the
/// command that enters it. Its features are given here, not by the host's mke2fs.conf, and are those that
/// GRUB 2.06 reads.
void make_ext4(sys::ProcessRunner& runner, const std::vector<std::string>& prefix, const Region& region,
               const std::string& label, const Uuid& id, const std::filesystem::path& folder,
               const std::filesystem::path& scratch, std::stop_token stop = {});

/// Makes a FAT32 file system at the region with the given files ("EFI/BOOT/BOOTX64.EFI" → host file), with
/// mtools.
void make_fat(sys::ProcessRunner& runner, const Region& region, const std::string& label,
              const std::map<std::string, std::filesystem::path>& files);

/// The names of all files on a FAT file system, upper case, as paths ("EFI/BOOT/BOOTX64.EFI").
std::vector<std::string> list_fat(sys::ProcessRunner& runner, const Region& region);

struct DirectoryEntry {
  std::string name;
  unsigned mode = 0;  ///< as st_mode: type and permissions
  unsigned uid = 0, gid = 0;
  std::int64_t size = 0;
  bool is_folder() const { return (mode & 0170000) == 0040000; }
  bool is_link() const { return (mode & 0170000) == 0120000; }
};

/// Reads an ext4 file system in an image, without mounting it (debugfs from e2fsprogs).
class Ext4Reader {
 public:
  Ext4Reader(sys::ProcessRunner& runner, Region region) : runner_(runner), region_(std::move(region)) {}

  /// The content of a regular file; links are followed. nullopt when it (or its target) does not exist.
  std::optional<std::string> read(const std::string& path) const;
  /// What lies in a folder, without "." and ".."; nullopt when there is no such folder. Sorted by name.
  std::optional<std::vector<DirectoryEntry>> list(const std::string& path) const;
  /// The entry itself, links not followed in its last part.
  std::optional<DirectoryEntry> entry(const std::string& path) const;
  /// Where a symbolic link points; nullopt when it is none.
  std::optional<std::string> link_target(const std::string& path) const;
  bool exists(const std::string& path) const { return entry(path).has_value(); }

 private:
  std::optional<std::string> ask(const std::string& request) const;

  sys::ProcessRunner& runner_;
  Region region_;
};

}  // namespace hlid::image
