#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace hlid::guest {

struct Partition {
  std::uint64_t first_sector = 0;
  std::uint64_t sectors = 0;
};

/// Grows partition `number` (from 1), which must be the last on the disk, to the end of a disk of `sectors`
/// sectors of 512 bytes, and moves the backup table there (UEFI 2.10, section 5.3). `fd` is the whole disk.
/// nullopt with a reason in `why` when the table is not one we understand; the disk is then untouched. The
/// backup is written and synced before the primary, so a crash leaves one that is valid.
std::optional<Partition> grow_partition(int fd, int number, std::uint64_t sectors, std::string& why);

}  // namespace hlid::guest
