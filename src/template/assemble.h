#pragma once
#include <filesystem>
#include <stop_token>

#include "image/filesystem.h"
#include "sys/process.h"
#include "template/files.h"
#include "template/sandbox.h"

namespace hlid::templates {

/// Where the parts of a template's disk lie: BIOS boot partition, EFI system partition, root file system (the
/// last, so that machines grow it).
struct DiskLayout {
  Bytes size;
  Bytes bios_start = mib(1), bios_size = mib(1);
  Bytes esp_start = mib(2), esp_size = mib(64);
  Bytes root_start = mib(66), root_size;
};

/// Throws Error(spec) for a disk under 1 GiB.
DiskLayout layout_of(Bytes disk);

image::Region esp_region(const std::filesystem::path& disk, const DiskLayout& layout);
image::Region root_region(const std::filesystem::path& disk, const DiskLayout& layout);

/// Makes the raw disk image `disk` from the root folder: partitions, file systems, GRUB for BIOS and UEFI.
/// Throws Error(spec) when the root does not fit.
void assemble_disk(sys::ProcessRunner& runner, const Sandbox& sandbox, const std::filesystem::path& root,
                   const std::filesystem::path& disk, const DiskLayout& layout, const DiskIds& ids,
                   const std::filesystem::path& scratch, std::stop_token stop);

}  // namespace hlid::templates
