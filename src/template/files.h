#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/ids.h"
#include "template/release.h"
#include "template/request.h"

namespace hlid::templates {

/// A file of ours in the image: text, or a symbolic link when `link` is set.
struct ImageFile {
  std::string path;
  std::string text = {};
  std::string link = {};
  mode_t mode = 0644;
};

/// Where things are in the image; derived from the content key, so the same description gives the same.
struct DiskIds {
  Uuid disk, bios, esp, root_partition, root_fs;
};
DiskIds disk_ids(const std::string& content_key);

/// Everything that is configured by files, as text: cloud-init, SSH, locale, keyboard, time zone, fstab,
/// network daemon, kernel parameters, boot menu. Pure.
std::vector<ImageFile> configuration_files(const BuildRequest& request, const Release& release,
                                           const DiskIds& ids);

/// Those that must be there while the packages are installed (what goes into the initial RAM disk).
std::vector<ImageFile> early_files(const Release& release);

/// systemd units that are switched on and off.
std::vector<std::string> enabled_units();
std::vector<std::string> disabled_units(const Release& release);  ///< all of them exist there

/// The datasources cloud-init looks at, in its order.
std::vector<std::string> datasources();

}  // namespace hlid::templates
