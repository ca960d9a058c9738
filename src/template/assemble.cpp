#include "template/assemble.h"

#include "base/error.h"
#include "base/text.h"
#include "image/gpt.h"
#include "image/grub.h"
#include "image/qemu_img.h"

namespace hlid::templates {
namespace {

std::vector<image::Partition> partitions(const DiskLayout& layout, const DiskIds& ids) {
  return {{.type = image::kBiosBootType,
           .id = ids.bios,
           .name = "bios",
           .start = layout.bios_start,
           .size = layout.bios_size},
          {.type = image::kEfiSystemType,
           .id = ids.esp,
           .name = "esp",
           .start = layout.esp_start,
           .size = layout.esp_size},
          {.type = image::kLinuxRootType,
           .id = ids.root_partition,
           .name = "root",
           .start = layout.root_start,
           .size = layout.root_size}};
}

void make_root_fs(sys::ProcessRunner& runner, const Sandbox& sandbox, const std::filesystem::path& root,
                  const image::Region& region, const DiskIds& ids, const std::filesystem::path& scratch,
                  std::stop_token stop) {
  try {
    image::make_ext4(runner, sandbox.prefix(), region, "root", ids.root_fs, root, scratch, stop);
  } catch (const Error& error) {
    if (!contains(error.message(), "Could not allocate") && !contains(error.message(), "No space left"))
      throw;
    throw Error(Errc::spec, "the template's packages do not fit into its disk of {}",
                to_string(Bytes{region.start.count + region.size.count}))
        .with_hint("make 'template: disk' larger");
  }
}

}  // namespace

DiskLayout layout_of(Bytes disk) {
  if (disk < gib(1) || disk.count % mib(1).count != 0)
    throw Error(Errc::spec, "a template's disk cannot be {}", to_string(disk))
        .with_hint("'template: disk' is 1GiB or more, in whole MiB");
  DiskLayout layout{.size = disk};
  layout.root_size = {disk.count - layout.root_start.count - mib(1).count};
  return layout;
}

image::Region esp_region(const std::filesystem::path& disk, const DiskLayout& layout) {
  return {disk, layout.esp_start, layout.esp_size};
}

image::Region root_region(const std::filesystem::path& disk, const DiskLayout& layout) {
  return {disk, layout.root_start, layout.root_size};
}

void assemble_disk(sys::ProcessRunner& runner, const Sandbox& sandbox, const std::filesystem::path& root,
                   const std::filesystem::path& disk, const DiskLayout& layout, const DiskIds& ids,
                   const std::filesystem::path& scratch, std::stop_token stop) {
  image::QemuImg(runner).create(disk, "raw", layout.size);
  make_root_fs(runner, sandbox, root, root_region(disk, layout), ids, scratch, stop);
  image::write_gpt(disk, layout.size, ids.disk, partitions(layout, ids));
  const auto efi = scratch / "bootx64.efi";
  image::make_grub_efi(runner, {}, efi, ids.root_fs, scratch);
  image::make_fat(runner, esp_region(disk, layout), "ESP", {{"EFI/BOOT/BOOTX64.EFI", efi}});
  image::embed_grub_bios(runner, {}, disk, ids.root_fs, layout.bios_start, layout.bios_size, scratch);
}

}  // namespace hlid::templates
