// What is in a directory storage: lists, details, uploads, notes.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "node/storage/copy_file.h"
#include "node/storage/dir_storage.h"
#include "node/storage/qcow2.h"
#include "sys/files.h"
#include "wire/api_error.h"

namespace hlid::node::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxNotes = 64U << 10;

/// The time in "vzdump-qemu-100-2026_01_02-03_04_05.vma.zst" (local time), else the file's.
std::int64_t backup_time(const std::string& file, std::int64_t otherwise) {
  const auto dot = file.find('.');
  constexpr std::size_t kStamp = 19;
  if (dot == std::string::npos || dot < kStamp) return otherwise;
  std::tm time{};
  const auto stamp = file.substr(dot - kStamp, kStamp);
  const auto* end = ::strptime(stamp.c_str(), "%Y_%m_%d-%H_%M_%S", &time);
  if (end == nullptr || *end != '\0') return otherwise;
  time.tm_isdst = -1;
  return ::mktime(&time);
}

}  // namespace

StorageStatus DirStorage::status() const {
  struct statvfs info {};
  if (::statvfs(path().c_str(), &info) != 0) return {{}, {}, {}, false};
  const auto unit = static_cast<std::int64_t>(info.f_frsize);
  const auto bytes = [unit](auto blocks) { return Bytes{static_cast<std::int64_t>(blocks) * unit}; };
  return {bytes(info.f_blocks), bytes(info.f_blocks - info.f_bfree), bytes(info.f_bavail), true};
}

/// Throws Error(not_found) when the file is gone.
VolumeInfo DirStorage::describe(const DirName& name) const {
  const auto file = dir_path(path(), name);
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
    throw Error(Errc::not_found, "'{}' does not exist", file.string());
  VolumeInfo volume;
  volume.id = {id(), print_dir_name(name)};
  volume.content = name.content;
  volume.format = name.format;
  volume.size = {info.st_size};
  volume.used = {info.st_blocks * 512};
  volume.vmid = name.vmid;
  volume.ctime = info.st_ctim.tv_sec;
  if (name.content == "images" && name.format == "qcow2") {
    if (const auto header = read_qcow2_header(file)) {
      volume.size = header->size;
      if (!header->backing_file.empty()) volume.parent = header->backing_file;
      // The name of a linked clone carries its base, which a listed file does not know of itself.
      if (name.base.empty() && header->backing_file.rfind("../", 0) == 0)
        volume.id.name = header->backing_file.substr(3) + "/" + volume.id.name;
    }
  }
  if (name.content == "images" && name.format == "vmdk") volume.size = qemu_img_.info(file).virtual_size;
  if (name.content == "backup") {
    volume.ctime = backup_time(name.file, volume.ctime);
    volume.notes = sys::read_file_if_exists(file.string() + ".notes", kMaxNotes).value_or("");
    volume.is_protected = fs::exists(file.string() + ".protected");
  }
  return volume;
}

VolumeInfo DirStorage::info(const wire::VolumeId& volume) const {
  const auto name = name_of(volume);
  try {
    auto found = describe(name);
    if (name.content == "import" && name.format == "qcow2")
      if (const auto header = read_qcow2_header(dir_path(path(), name))) found.size = header->size;
    return found;
  } catch (const Error& missing) {
    if (missing.code() != Errc::not_found) throw;
    throw wire::failure(fmt::format("volume_size_info on '{}' failed - no format", to_string(volume)));
  }
}

std::vector<VolumeInfo> DirStorage::list(const std::string& kind, std::optional<Vmid> vmid) const {
  std::vector<VolumeInfo> volumes;
  std::error_code ignored;
  const auto add_folder = [&](const std::string& content_kind, const fs::path& folder,
                              std::optional<Vmid> owner) {
    for (const auto& file : fs::directory_iterator(folder, ignored)) {
      const auto name = parse_dir_file(content_kind, file.path().filename().string(), owner);
      if (!name || (content_kind == "backup" && vmid && name->vmid != vmid)) continue;
      try {
        volumes.push_back(describe(*name));
      } catch (const Error&) {
        // Gone since the folder was read, or not an image at all: nothing to list.
      }
    }
  };
  for (const auto& content_kind : content()) {
    if (!kind.empty() && kind != content_kind) continue;
    const bool ownerless = content_kind == "iso" || content_kind == "vztmpl";
    if (vmid && ownerless) continue;
    if (content_kind != "images") {
      add_folder(content_kind, path() / content_folder(content_kind), std::nullopt);
    } else if (vmid) {
      add_folder("images", path() / "images" / to_string(*vmid), vmid);
    } else {
      for (const auto& folder : fs::directory_iterator(path() / "images", ignored))
        if (const auto owner = parse_vmid(folder.path().filename().string()))
          add_folder("images", folder.path(), owner);
    }
  }
  std::sort(volumes.begin(), volumes.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return volumes;
}

wire::VolumeId DirStorage::store_file(const std::string& kind, const std::string& name,
                                      const fs::path& file) {
  const auto parsed = parse_dir_file(kind, name, std::nullopt);
  if (!parsed) throw wire::parameter_error("filename", "wrong file extension");
  const auto target = dir_path(path(), *parsed);
  sys::make_folder(target.parent_path());
  ::chmod(file.c_str(), 0644);
  if (::rename(file.c_str(), target.c_str()) == 0) return {id(), print_dir_name(*parsed)};
  if (errno != EXDEV) throw system_error("cannot move an upload to '" + target.string() + "'");
  const fs::path temporary = target.string() + std::string(kTemporarySuffix);
  std::error_code ignored;
  fs::remove(temporary, ignored);
  copy_sparse(file, temporary, {}, {});
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    throw system_error("cannot move an upload to '" + target.string() + "'");
  fs::remove(file, ignored);
  return {id(), print_dir_name(*parsed)};
}

void DirStorage::set_notes(const wire::VolumeId& volume, const std::string& notes) {
  const auto name = name_of(volume);
  if (name.content != "backup")
    throw wire::failure(fmt::format("notes are not supported for {}", name.content));
  const fs::path file = dir_path(path(), name).string() + ".notes";
  if (notes.empty()) return sys::remove_durable(file);
  sys::write_durable(file, notes);
}

void DirStorage::set_protected(const wire::VolumeId& volume, bool on) {
  const auto name = name_of(volume);
  if (name.content != "backup")
    throw wire::failure(fmt::format("attribute 'protected' is not supported for {}", name.content));
  const fs::path file = dir_path(path(), name).string() + ".protected";
  if (on)
    sys::write_durable(file, "");
  else
    sys::remove_durable(file);
}

}  // namespace hlid::node::storage
