#include "image/grub.h"

#include <fstream>

#include "base/error.h"
#include "image/bytes.h"
#include "image/gpt.h"
#include "sys/files.h"

namespace hlid::image {
namespace {

// Offsets in boot.img (include/grub/i386/pc/boot.h).
constexpr std::size_t kKernelSector = 0x5c;
constexpr std::size_t kDriveCheck = 0x66;
constexpr std::size_t kCodeEnd = 0x1b8;  // disk signature and MBR partition table follow
// The first block list of diskboot.img ends its sector: start (8), length (2), segment (2).
constexpr std::size_t kBlockList = 512 - 12;
constexpr std::uint64_t kLoadSegment = 0x820;

constexpr const char* kCommonModules[] = {
    "part_gpt", "ext2",   "search", "search_fs_uuid", "normal",  "linux",  "configfile",
    "terminal", "serial", "echo",   "test",           "minicmd", "reboot", "halt"};

std::string pad_to_sector(std::string bytes) {
  bytes.resize((bytes.size() + 511) / 512 * 512, '\0');
  return bytes;
}

std::filesystem::path module_folder(const GrubTools& tools, const std::string& target,
                                    const std::string& package) {
  const auto folder = tools.library / target;
  if (!std::filesystem::exists(folder / "moddep.lst"))
    throw Error(Errc::precondition, "GRUB for '{}' is not installed in '{}'", target, tools.library.string())
        .with_hint("install the package " + package);
  return folder;
}

void make_image(sys::ProcessRunner& runner, const std::filesystem::path& folder, const std::string& target,
                const std::filesystem::path& output, const Uuid& root_fs,
                const std::vector<std::string>& own_modules, const std::filesystem::path& scratch) {
  const auto config = scratch / ("early-" + target + ".cfg");
  sys::write_durable(config, grub_early_config(root_fs));
  sys::Command command{.argv = {"grub-mkimage", "-d", folder.string(), "-O", target, "-o", output.string(),
                                "-p", "/boot/grub", "-c", config.string()}};
  command.argv.insert(command.argv.end(), own_modules.begin(), own_modules.end());
  command.argv.insert(command.argv.end(), std::begin(kCommonModules), std::end(kCommonModules));
  sys::run_checked(runner, command);
}

}  // namespace

std::string grub_early_config(const Uuid& root_fs) {
  return fmt::format(
      "search --no-floppy --fs-uuid {} --set=root\n"
      "set prefix=($root)/boot/grub\n"
      "configfile $prefix/grub.cfg\n",
      root_fs.text);
}

std::string patched_boot_sector(std::string boot, const std::string& old_sector, std::uint64_t first) {
  if (boot.size() != 512 || old_sector.size() != 512)
    throw Error(Errc::protocol, "GRUB's boot.img has {} bytes instead of 512", boot.size());
  put_le(boot, kKernelSector, 8, first);
  // As grub-bios-setup does for hard disks: the jump over the workaround for BIOSes that pass a wrong
  // drive number becomes two no-operations.
  put_le(boot, kDriveCheck, 2, 0x9090);
  return boot.substr(0, kCodeEnd) + old_sector.substr(kCodeEnd);
}

std::string patched_core(std::string core, std::uint64_t first) {
  if (core.size() < 1024) throw Error(Errc::protocol, "GRUB's core.img has only {} bytes", core.size());
  core = pad_to_sector(std::move(core));
  put_le(core, kBlockList, 8, first + 1);
  put_le(core, kBlockList + 8, 2, core.size() / 512 - 1);
  put_le(core, kBlockList + 10, 2, kLoadSegment);
  return core;
}

void embed_grub_bios(sys::ProcessRunner& runner, const GrubTools& tools, const std::filesystem::path& image,
                     const Uuid& root_fs, Bytes start, Bytes size, const std::filesystem::path& scratch) {
  const std::string target = "i386-pc";
  const auto folder = module_folder(tools, target, "grub-pc-bin");
  const auto core_path = scratch / "core.img";
  make_image(runner, folder, target, core_path, root_fs, {"biosdisk"}, scratch);

  const auto first = static_cast<std::uint64_t>(start.count / kSectorSize);
  const auto core = patched_core(sys::read_file(core_path), first);
  if (static_cast<std::int64_t>(core.size()) > size.count)
    throw Error(Errc::failed, "GRUB needs {} bytes, the BIOS boot partition has {}", core.size(), size.count);
  const auto boot = patched_boot_sector(sys::read_file(folder / "boot.img"), read_at(image, 0, 512), first);
  write_at(image, start.count, core);
  write_at(image, 0, boot);
}

void make_grub_efi(sys::ProcessRunner& runner, const GrubTools& tools, const std::filesystem::path& output,
                   const Uuid& root_fs, const std::filesystem::path& scratch) {
  const std::string target = "x86_64-efi";
  make_image(runner, module_folder(tools, target, "grub-efi-amd64-bin"), target, output, root_fs,
             {"fat", "efi_gop", "efi_uga", "all_video"}, scratch);
}

}  // namespace hlid::image
