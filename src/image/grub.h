#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/ids.h"
#include "base/units.h"
#include "sys/process.h"

namespace hlid::image {

/// GRUB put into an image without booting or mounting it. Both variants carry all their modules, look for the
/// file system `root_fs` and go on with /boot/grub/grub.cfg in it.
struct GrubTools {
  std::filesystem::path library = "/usr/lib/grub";  ///< holds i386-pc/ and x86_64-efi/
};

/// What is built into GRUB: finds the root file system and reads its configuration.
std::string grub_early_config(const Uuid& root_fs);

/// For SeaBIOS: boot.img into the first sector (the partition table in it is kept) and core.img into the BIOS
/// boot partition at `start`. Throws Error: precondition when GRUB's files are not installed, failed.
void embed_grub_bios(sys::ProcessRunner& runner, const GrubTools& tools, const std::filesystem::path& image,
                     const Uuid& root_fs, Bytes start, Bytes size, const std::filesystem::path& scratch);

/// For UEFI: one executable for EFI/BOOT/BOOTX64.EFI of the system partition.
void make_grub_efi(sys::ProcessRunner& runner, const GrubTools& tools, const std::filesystem::path& output,
                   const Uuid& root_fs, const std::filesystem::path& scratch);

/// The two patched sectors, pure. `boot` is boot.img, `core` core.img; sectors are of 512 bytes, `first` is
/// where core.img will lie (GRUB 2.06, include/grub/i386/pc/boot.h and util/setup.c).
std::string patched_boot_sector(std::string boot, const std::string& old_sector, std::uint64_t first);
std::string patched_core(std::string core, std::uint64_t first);

}  // namespace hlid::image
