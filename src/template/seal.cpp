#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "base/text.h"
#include "template/root_folder.h"

namespace hlid::templates {
namespace {

namespace fs = std::filesystem;

void empty_folder(const fs::path& folder) {
  std::error_code none;
  if (!fs::is_directory(folder, none)) return;
  for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path(), none);
}

void remove_named(const fs::path& folder, const std::string& begin, const std::string& end = "") {
  std::error_code none;
  if (!fs::is_directory(folder, none)) return;
  for (const auto& entry : fs::directory_iterator(folder))
    if (const auto name = entry.path().filename().string(); name.starts_with(begin) && name.ends_with(end))
      fs::remove(entry.path(), none);
}

/// Log files that packages made stay (their owners and modes matter), without their content.
void empty_logs(const fs::path& folder) {
  std::error_code none;
  for (const auto& entry : fs::recursive_directory_iterator(folder, none))
    if (entry.is_regular_file(none) && !entry.is_symlink(none)) fs::resize_file(entry.path(), 0, none);
}

void remove_identity(const fs::path& root) {
  // Empty, not absent: systemd then takes the machine's own id and does not hold it for a first boot.
  std::ofstream(root / "etc/machine-id", std::ios::trunc).close();
  fs::remove(root / "var/lib/dbus/machine-id");
  if (fs::exists(root / "var/lib/dbus"))
    fs::create_symlink("/etc/machine-id", root / "var/lib/dbus/machine-id");
  remove_named(root / "etc/ssh", "ssh_host_");
  fs::remove(root / "etc/hostname");
  fs::remove(root / "var/lib/systemd/random-seed");
  fs::remove(root / "var/lib/systemd/credential.secret");
}

void remove_network(const fs::path& root) {
  empty_folder(root / "etc/netplan");
  empty_folder(root / "etc/network/interfaces.d");
  fs::remove(root / "etc/network/interfaces");
  empty_folder(root / "etc/systemd/network");
}

void remove_traces(const fs::path& root) {
  empty_folder(root / "var/lib/cloud");
  empty_folder(root / "var/lib/apt/lists");
  empty_folder(root / "var/cache/apt");
  empty_folder(root / "var/log/journal");
  empty_folder(root / "var/tmp");
  empty_folder(root / "tmp");
  empty_folder(root / "run");
  fs::remove(root / "etc/apt/apt.conf.d/99mmdebstrap");
  fs::remove(root / "etc/dpkg/dpkg.cfg.d/99mmdebstrap");
  fs::remove(root / "etc/.pwd.lock");
  fs::remove(root / "root/.bash_history");
  remove_named(root / "var/lib/dpkg", "", "-old");
  remove_named(root / "var/cache/debconf", "", "-old");
  remove_named(root / "etc", "", "-");
  for (const auto* log : {"bootstrap.log", "dpkg.log", "alternatives.log"})
    fs::remove(root / "var/log" / log);
  empty_folder(root / "var/log/apt");
  empty_logs(root / "var/log");
  // Links to a kernel before the first one, and to a RAM disk that was not made.
  for (const auto* folder : {"", "boot"})
    for (const auto* name : {"vmlinuz.old", "initrd.img.old", "initrd.img"})
      if (const auto link = root / folder / name;
          fs::is_symlink(link) && (std::string(name).ends_with(".old") || !fs::exists(link)))
        fs::remove(link);
}

/// systemd does the work of an update (linker cache, catalogue, …) at the first boot when /usr is younger
/// than these; all of it has just been done.
void mark_updated(const fs::path& root) {
  struct stat usr {};
  if (::stat((root / "usr").c_str(), &usr) != 0) return;
  for (const auto* path : {"etc/.updated", "var/.updated"}) {
    std::ofstream(root / path) << "# Made by hlid with the template.\nTIMESTAMP_NSEC="
                               << (static_cast<long long>(usr.st_mtim.tv_sec) + 1) * 1'000'000'000LL << "\n";
    const timespec times[2] = {{usr.st_mtim.tv_sec + 1, 0}, {usr.st_mtim.tv_sec + 1, 0}};
    ::utimensat(AT_FDCWD, (root / path).c_str(), times, 0);
  }
}

}  // namespace

void seal_root(const fs::path& root) {
  remove_identity(root);
  remove_network(root);
  remove_traces(root);
  mark_updated(root);
}

}  // namespace hlid::templates
