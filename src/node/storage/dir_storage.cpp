#include "node/storage/dir_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "node/storage/copy_file.h"
#include "node/storage/qcow2.h"
#include "sys/files.h"
#include "sys/rollback.h"
#include "sys/unique_fd.h"
#include "wire/api_error.h"

namespace hlid::node::storage {
namespace {

namespace fs = std::filesystem;

void create_raw(const fs::path& file, Bytes size) {
  const sys::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd || ::ftruncate(fd.get(), size.count) != 0)
    throw wire::failure(fmt::format("unable to create image: {}", system_error(file.string()).what()));
}

void create_image(const fs::path& file, const std::string& format, Bytes size,
                  const image::QemuImg& qemu_img) {
  if (format == "raw") return create_raw(file, size);
  if (format == "qcow2") return create_qcow2(file, size);
  qemu_img.create(file, format, size);
}

/// Renames, but never over something.
void rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno == EEXIST) throw wire::failure(fmt::format("file '{}' already exists", to.string()));
  throw system_error("cannot rename '" + from.string() + "'");
}

fs::path temporary_of(const fs::path& file) {
  return file.string() + std::string(kTemporarySuffix);
}

/// What stands beside a backup.
std::vector<fs::path> companions(const fs::path& backup) {
  const auto folder = backup.parent_path();
  auto base = backup.filename().string();
  base = base.substr(0, base.find('.'));
  return {backup.string() + ".notes", backup.string() + ".protected", folder / (base + ".log")};
}

}  // namespace

DirStorage::DirStorage(DirOptions options, std::shared_ptr<DirState> state, sys::ProcessRunner& runner)
    : options_(std::move(options)), state_(std::move(state)), qemu_img_(runner) {}

const std::string& DirStorage::type() const {
  static const std::string kType = "dir";
  return kType;
}

bool DirStorage::supports_format(const std::string& format) const {
  return format == "raw" || format == "qcow2" || format == "vmdk";
}

DirName DirStorage::name_of(const wire::VolumeId& volume) const {
  if (volume.storage != id())
    throw wire::failure(fmt::format("'{}' is not on storage '{}'", to_string(volume), id()));
  return parse_dir_name(volume.name);
}

fs::path DirStorage::path_of(const wire::VolumeId& volume) const {
  return dir_path(path(), name_of(volume));
}

std::string DirStorage::format_of(const wire::VolumeId& volume) const {
  const auto name = name_of(volume);
  return name.content == "images" || name.content == "import" ? name.format : "raw";
}

bool DirStorage::exists(const wire::VolumeId& volume) const {
  std::error_code ignored;
  return fs::exists(path_of(volume), ignored);
}

bool DirStorage::is_base(const wire::VolumeId& volume) const {
  return name_of(volume).is_base;
}

/// With the state's mutex held.
std::string DirStorage::free_disk_name(Vmid vmid, const std::string& format) const {
  std::set<int> taken;
  const auto folder = path() / "images" / to_string(vmid);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (const auto number = disk_number(entry.path().filename().string(), vmid)) taken.insert(*number);
  for (const auto& file : state_->building)
    if (const auto number = disk_number(file.filename().string(), vmid)) taken.insert(*number);
  int number = 0;
  while (taken.count(number) != 0) ++number;
  return fmt::format("vm-{}-disk-{}.{}", to_string(vmid), number, format);
}

DirName DirStorage::reserve(Vmid vmid, const std::string& format, const std::string& name,
                            const std::string& base) {
  const std::lock_guard lock(state_->mutex);
  const auto file = name.empty() ? free_disk_name(vmid, format) : name;
  auto parsed = parse_dir_file("images", file, vmid);
  if (!parsed) throw wire::failure(fmt::format("unable to parse volume filename '{}'", file));
  if (parsed->format != format)
    throw wire::failure(fmt::format("illegal name '{}' - wrong extension for format ('{}' != '{}')", file,
                                    parsed->format, format));
  parsed->base = base;
  const auto target = dir_path(path(), *parsed);
  if (fs::exists(target) || !state_->building.insert(target).second)
    throw wire::failure(fmt::format("disk image '{}' already exists", target.string()));
  sys::make_folder(target.parent_path());
  return *parsed;
}

wire::VolumeId DirStorage::build_image(Vmid vmid, const std::string& format, const std::string& name,
                                       const std::string& base, const Build& build) {
  if (!supports_format(format)) throw wire::failure(fmt::format("unsupported format '{}'", format));
  const auto reserved = reserve(vmid, format, name, base);
  const auto target = dir_path(path(), reserved);
  const auto temporary = temporary_of(target);
  sys::Rollback release;
  release.on_failure([&] {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    const std::lock_guard lock(state_->mutex);
    state_->building.erase(target);
    drop_empty_folder(target.parent_path());
  });
  build(temporary);
  // Under the lock, so that remove() of a base sees a linked clone or the clone sees that the base is gone.
  const std::lock_guard lock(state_->mutex);
  rename_new(temporary, target);
  release.commit();
  state_->building.erase(target);
  return {id(), print_dir_name(reserved)};
}

wire::VolumeId DirStorage::allocate(Vmid vmid, const std::string& format, Bytes size,
                                    const std::string& name) {
  const Bytes whole{(size.count + 511) / 512 * 512};  // disks are made of sectors
  return build_image(vmid, format, name, {},
                     [&](const fs::path& file) { create_image(file, format, whole, qemu_img_); });
}

bool DirStorage::has_linked_clones(const DirName& base) const {
  const auto wanted = dir_path(path(), base);
  std::error_code ignored;
  for (const auto& folder : fs::directory_iterator(path() / "images", ignored))
    for (const auto& file : fs::directory_iterator(folder.path(), ignored)) {
      if (file.path().extension() != ".qcow2") continue;
      if (reads_from(file.path(), wanted)) return true;
    }
  return false;
}

/// With the state's mutex held.
void DirStorage::drop_empty_folder(const fs::path& folder) const {
  const auto& building = state_->building;
  if (std::any_of(building.begin(), building.end(),
                  [&](const auto& file) { return file.parent_path() == folder; }))
    return;
  std::error_code ignored;
  fs::remove(folder, ignored);  // does nothing when something is in it
}

bool DirStorage::remove(const wire::VolumeId& volume) {
  const auto name = name_of(volume);
  const auto file = dir_path(path(), name);
  const std::lock_guard lock(state_->mutex);  // a linked clone may be about to be made
  if (fs::exists(file.string() + ".protected"))
    throw wire::failure(fmt::format("cannot remove protected volume '{}' on '{}'", volume.name, id()));
  if (name.is_base && has_linked_clones(name))
    throw wire::failure(fmt::format("base volume '{}' is still in use by linked clones", volume.name));
  std::error_code failure;
  const bool was_there = fs::remove(file, failure);
  if (failure) throw wire::failure(fmt::format("unlink '{}' failed - {}", file.string(), failure.message()));
  std::error_code ignored;
  if (name.content == "images") drop_empty_folder(file.parent_path());
  if (name.content == "backup")
    for (const auto& companion : companions(file)) fs::remove(companion, ignored);
  return was_there;
}

wire::VolumeId DirStorage::make_base(const wire::VolumeId& volume) {
  auto name = name_of(volume);
  if (name.content != "images") throw wire::failure("create_base on wrong vtype '" + name.content + "'");
  if (name.is_base) throw wire::failure("create_base not possible with base image");
  const auto from = dir_path(path(), name);
  if (!fs::exists(from)) throw wire::failure(fmt::format("file_size_info on '{}' failed", volume.name));
  if (!name.file.starts_with("vm-"))
    throw wire::failure(fmt::format("unable to parse volume filename '{}'", name.file));
  name.file = "base-" + name.file.substr(3);
  name.is_base = true;
  const auto to = dir_path(path(), name);
  rename_new(from, to);
  ::chmod(to.c_str(), 0444);
  return {id(), print_dir_name(name)};
}

wire::VolumeId DirStorage::clone_linked(const wire::VolumeId& base, Vmid vmid, const std::string& name) {
  const auto parent = name_of(base);
  if (!parent.is_base) throw wire::failure("clone_image only works on base images");
  const auto size = describe(parent).size;
  const auto own = fmt::format("{}/{}", to_string(*parent.vmid), parent.file);
  const auto volume = build_image(vmid, "qcow2", name, own, [&](const fs::path& file) {
    // Relative, so that a storage that is moved stays whole.
    create_qcow2(file, size, "../" + own, parent.format);
  });
  if (exists(base)) return volume;
  remove(volume);
  throw wire::failure(fmt::format("base volume '{}' was removed meanwhile", base.name));
}

wire::VolumeId DirStorage::clone_over(const CopySource& base, Vmid vmid) {
  return build_image(vmid, "qcow2", {}, {}, [&](const fs::path& file) {
    create_qcow2(file, image_size(base.path, base.format), base.path, base.format);
  });
}

void DirStorage::renew_over(const wire::VolumeId& volume, const CopySource& base, Bytes size) {
  const auto name = name_of(volume);
  if (name.format != "qcow2") throw wire::failure(fmt::format("'{}' is no qcow2 image", volume.name));
  const auto file = dir_path(path(), name);
  const auto temporary = temporary_of(file);
  std::error_code ignored;
  fs::remove(temporary, ignored);
  create_qcow2(temporary, size, base.path, base.format);
  const sys::UniqueFd fd(::open(temporary.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw system_error("cannot write '" + temporary.string() + "'");
  if (::rename(temporary.c_str(), file.c_str()) != 0)
    throw system_error("cannot replace '" + file.string() + "'");
  const sys::UniqueFd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) throw system_error("cannot replace '" + file.string() + "'");
}

void DirStorage::copy_image(const CopySource& source, const std::string& format, const fs::path& to,
                            const CopyProgress& progress, std::stop_token stop) const {
  // What a stranger sent came as a stream, holes and all written out: qemu-img finds the zeros again, so that
  // every later clone of it copies data only.
  bool plain = source.trusted && source.format == format;
  if (plain && format == "qcow2") {
    const auto header = read_qcow2_header(source.path);
    plain = header && header->backing_file.empty() && header->snapshots == 0 && !header->external_data;
  }
  if (plain) return copy_sparse(source.path, to, progress, std::move(stop));
  std::error_code failure;
  const Bytes size{static_cast<std::int64_t>(fs::file_size(source.path, failure))};
  if (failure) throw Error(Errc::io, "cannot read '{}': {}", source.path.string(), failure.message());
  if (progress) progress({0}, size);
  qemu_img_.convert(source.path, source.format, to, format, std::move(stop));
  if (progress) progress(size, size);
}

wire::VolumeId DirStorage::clone_full(const CopySource& source, Vmid vmid, const std::string& format,
                                      const CopyProgress& progress, std::stop_token stop,
                                      const std::string& name) {
  if (!source.trusted) check_foreign_image(source.path, source.format);
  return build_image(vmid, format, name, {}, [&](const fs::path& file) {
    try {
      copy_image(source, format, file, progress, stop);
    } catch (Error& failure) {
      if (stop.stop_requested()) throw Error(Errc::interrupted, "received interrupt");
      failure.add_context(fmt::format("copying '{}'", source.path.string()));
      throw;
    }
  });
}

wire::VolumeId DirStorage::import_image(const fs::path& file, const std::string& format, Vmid vmid,
                                        const std::string& to_format, const CopyProgress& progress,
                                        std::stop_token stop, const std::string& name) {
  return clone_full({file, format, false}, vmid, to_format, progress, std::move(stop), name);
}

void DirStorage::resize(const wire::VolumeId& volume, Bytes size) {
  const auto name = name_of(volume);
  const auto now = describe(name).size;
  if (size < now) throw wire::failure("shrinking disks is not supported");
  if (size == now) return;
  const auto file = dir_path(path(), name);
  if (name.format != "raw") return qemu_img_.resize(file, name.format, size);
  if (::truncate(file.c_str(), size.count) != 0)
    throw wire::failure(fmt::format("cannot resize the image: {}", system_error(file.string()).what()));
}

void DirStorage::sweep() const {
  std::error_code ignored;
  std::vector<fs::path> folders;
  for (const auto& kind : {"iso", "vztmpl", "snippets", "import"})
    folders.push_back(path() / content_folder(kind));
  for (const auto& folder : fs::directory_iterator(path() / "images", ignored))
    folders.push_back(folder.path());
  for (const auto& folder : folders) {
    for (const auto& file : fs::directory_iterator(folder, ignored))
      if (file.path().string().ends_with(kTemporarySuffix)) fs::remove(file.path(), ignored);
    if (folder.parent_path().filename() == "images") fs::remove(folder, ignored);  // only when it is empty
  }
}

}  // namespace hlid::node::storage
