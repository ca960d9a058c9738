#include <set>

#include "base/error.h"
#include "base/text.h"
#include "image/filesystem.h"
#include "image/gpt.h"
#include "sys/files.h"

namespace hlid::image {
namespace {

constexpr std::int64_t kBlock = 4096;

// metadata_csum_seed and orphan_file (defaults of newer e2fsprogs) are left out: GRUB 2.06 cannot read the
// first, Debian 12's kernel does not know the second.
constexpr const char* kMkfsConfig = R"([defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 16384
[fs_types]
ext4 = {
  features = has_journal,extent,huge_file,flex_bg,64bit,metadata_csum,dir_nlink,extra_isize
}
)";

std::string mtools_target(const Region& region) {
  return fmt::format("{}@@{}", region.image.string(), region.start.count);
}

sys::Command mtools(std::vector<std::string> argv) {
  return {.argv = std::move(argv), .env = {{"MTOOLS_SKIP_CHECK", "1"}}};
}

}  // namespace

void make_ext4(sys::ProcessRunner& runner, const std::vector<std::string>& prefix, const Region& region,
               const std::string& label, const Uuid& id, const std::filesystem::path& folder,
               const std::filesystem::path& scratch, std::stop_token stop) {
  const auto config = scratch / "mke2fs.conf";
  sys::write_durable(config, kMkfsConfig);
  sys::Command command{.argv = prefix, .env = {{"MKE2FS_CONFIG", config.string()}}};
  const auto options = fmt::format("offset={},root_owner=0:0,hash_seed={},lazy_itable_init=1,nodiscard",
                                   region.start.count, id.text);
  const std::vector<std::string> own{"mkfs.ext4",
                                     "-q",
                                     "-F",
                                     "-t",
                                     "ext4",
                                     "-L",
                                     label,
                                     "-U",
                                     id.text,
                                     "-m",
                                     "1",
                                     "-E",
                                     options,
                                     "-d",
                                     folder.string(),
                                     region.image.string(),
                                     std::to_string(region.size.count / kBlock)};
  command.argv.insert(command.argv.end(), own.begin(), own.end());
  sys::run_checked(runner, command, stop);
}

void make_fat(sys::ProcessRunner& runner, const Region& region, const std::string& label,
              const std::map<std::string, std::filesystem::path>& files) {
  const auto target = mtools_target(region);
  sys::run_checked(runner, mtools({"mformat", "-i", target, "-F", "-v", label, "-N", "4d494448", "-h", "255",
                                   "-s", "63", "-T", std::to_string(region.size.count / kSectorSize), "::"}));
  std::set<std::string> made;
  for (const auto& [name, source] : files) {
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      if (const auto folder = name.substr(0, slash); made.insert(folder).second)
        sys::run_checked(runner, mtools({"mmd", "-i", target, "::/" + folder}));
    sys::run_checked(runner, mtools({"mcopy", "-i", target, source.string(), "::/" + name}));
  }
}

std::vector<std::string> list_fat(sys::ProcessRunner& runner, const Region& region) {
  const auto output =
      sys::run_checked(runner, mtools({"mdir", "-i", mtools_target(region), "-/", "-b", "-f", "::"}));
  std::vector<std::string> names;
  for (const auto& line : split(output, '\n')) {
    // "::/EFI/BOOT/BOOTX64.EFI"; folders end with a slash.
    if (line.starts_with("::/") && !line.ends_with('/')) names.push_back(to_upper(line.substr(3)));
  }
  return names;
}

}  // namespace hlid::image
