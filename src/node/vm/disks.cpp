#include "node/vm/disks.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/log.h"
#include "base/text.h"
#include "image/qemu_img.h"
#include "sys/files.h"
#include "sys/unique_fd.h"
#include "wire/api_error.h"
#include "wire/size.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

constexpr Bytes kEfiVariables = kib(528);
constexpr Bytes kTpmState = mib(4);
constexpr Bytes kCloudInit = mib(4);

/// The part behind "STORAGE:" when it is a size in GiB.
std::optional<double> gib_of(const std::string& volume) {
  const auto colon = volume.find(':');
  if (colon == std::string::npos || colon + 1 == volume.size()) return std::nullopt;
  const std::string rest = volume.substr(colon + 1);
  if (rest.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
  return std::atof(rest.c_str());
}

std::string storage_of(const std::string& volume) {
  return volume.substr(0, volume.find(':'));
}

storage::StoragePtr image_storage(const Core& core, const std::string& id) {
  auto found = core.parts.storages.find(id);
  if (!found->holds("images")) {
    throw wire::parameter_error("storage", fmt::format("storage '{}' does not support vm images", id));
  }
  return found;
}

std::string format_for(const qemu::Drive& drive, const storage::Storage& on) {
  return drive.options.get_or("format", on.default_format());
}

void say(TaskContext* context, const std::string& line) {
  if (context != nullptr) context->log(line);
}

/// The config's value for a volume just made.
std::string value_for(qemu::Drive drive, const wire::VolumeId& volume, std::optional<Bytes> size) {
  drive.options.remove("format");
  drive.options.remove("import-from");
  drive.options.set("file", to_string(volume));
  if (size) drive.options.set("size", wire::print_size(*size));
  return drive.print();
}

wire::VolumeId allocate(const Core& core, Vmid vmid, const qemu::Drive& drive, storage::Storage& on,
                        Bytes& size) {
  if (drive.key == "efidisk0") {
    size = kEfiVariables;
    const auto& variables = core.parts.facts.ovmf_vars;
    if (variables.empty()) throw wire::failure("EFI vars image not found");
    return on.import_image(variables, "raw", vmid, format_for(drive, on), {}, {});
  }
  const double amount = gib_of(drive.volume).value_or(0);
  const Bytes asked{static_cast<std::int64_t>(amount * 1024 * 1024) * 1024};
  size = drive.key == "tpmstate0" ? kTpmState : whole_sectors(asked);
  return on.allocate(vmid, format_for(drive, on), size);
}

wire::VolumeId import(const Core& core, Vmid vmid, const qemu::Drive& drive, storage::Storage& on,
                      TaskContext* context, std::stop_token stop) {
  const std::string from = drive.options.get_or("import-from", "");
  const auto progress = log_progress(context);
  if (from[0] == '/') {
    if (!std::filesystem::exists(from)) throw wire::failure(fmt::format("can't find file '{}'", from));
    const std::string format = image::QemuImg(core.parts.processes).info(from).format;
    return on.import_image(from, format, vmid, format_for(drive, on), progress, std::move(stop));
  }
  const auto [source, volume] = core.parts.storages.resolve(from);
  if (!source->exists(volume)) throw wire::failure(fmt::format("volume '{}' does not exist", from));
  const auto info = source->info(volume);
  if (info.content == "images") {
    say(context, fmt::format("create full clone of drive {} ({})", drive.key, from));
    const std::string format = drive.options.get_or("format", info.format);
    return on.clone_full({source->path_of(volume), info.format}, vmid,
                         on.supports_format(format) ? format : on.default_format(), progress,
                         std::move(stop));
  }
  if (info.content != "import") {
    throw wire::failure(fmt::format(
        "import-from: volume '{}' has content type '{}', expected images or import", from, info.content));
  }
  return on.import_image(source->path_of(volume), source->format_of(volume), vmid, format_for(drive, on),
                         progress, std::move(stop));
}

MadeDrive attach(const Core& core, qemu::Drive drive) {
  const auto [on, volume] = core.parts.storages.resolve(drive.volume);
  if (!on->exists(volume)) throw wire::failure(fmt::format("volume '{}' does not exist", drive.volume));
  if (!drive.is_cloudinit()) drive.options.set("size", wire::print_size(on->info(volume).size));
  return {drive.print(), false};
}

/// Whether the file system under `path` takes O_DIRECT (tmpfs and some network ones do not).
bool takes_direct_io(const std::filesystem::path& path) {
  return static_cast<bool>(sys::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)));
}

}  // namespace

Bytes whole_sectors(Bytes size) {
  return Bytes{(size.count + 4095) / 4096 * 4096};
}

DriveRequest request_of(const qemu::Drive& drive) {
  if (drive.volume == "none" || drive.volume == "cdrom") return DriveRequest::medium;
  if (drive.volume.ends_with(":cloudinit")) return DriveRequest::cloudinit;
  if (drive.options.get("import-from")) return DriveRequest::import;
  return gib_of(drive.volume) ? DriveRequest::allocate : DriveRequest::existing;
}

void check_drive(const Core& core, const Caller& caller, const qemu::Drive& drive) {
  switch (request_of(drive)) {
    case DriveRequest::medium:
      return;
    case DriveRequest::allocate:
    case DriveRequest::cloudinit:
      image_storage(core, storage_of(drive.volume));
      return;
    case DriveRequest::import:
      image_storage(core, storage_of(drive.volume));
      if (drive.options.get_or("import-from", "").rfind('/', 0) == 0 && !caller.is_root) {
        throw wire::failure("Only root can pass arbitrary filesystem paths.");
      }
      return;
    case DriveRequest::existing:
      if (drive.volume[0] == '/') {
        if (!caller.is_root) throw wire::failure("Only root can pass arbitrary filesystem paths.");
        throw wire::parameter_error(drive.key, "this node attaches volumes of its storages only");
      }
      const auto [on, volume] = core.parts.storages.resolve(drive.volume);
      if (volume.name.rfind("iso/", 0) == 0 && !drive.is_cdrom()) {
        throw wire::parameter_error(drive.key, "explicit 'media=cdrom' is required for iso images");
      }
      return;
  }
}

MadeDrive make_drive(Core& core, Vmid vmid, qemu::Drive drive, TaskContext* context, std::stop_token stop,
                     sys::Rollback& undo) {
  const DriveRequest request = request_of(drive);
  if (request == DriveRequest::medium) return {drive.print(), false};
  if (request == DriveRequest::existing) return attach(core, std::move(drive));
  const auto on = image_storage(core, storage_of(drive.volume));
  wire::VolumeId volume;
  std::optional<Bytes> size;
  if (request == DriveRequest::cloudinit) {
    const std::string format = drive.options.get_or("format", on->supports_format("qcow2") ? "qcow2" : "raw");
    volume = on->allocate(vmid, format, kCloudInit, fmt::format("vm-{}-cloudinit.{}", vmid.value, format));
    drive.options.set("media", "cdrom");
  } else if (request == DriveRequest::allocate) {
    size = Bytes{};
    volume = allocate(core, vmid, drive, *on, *size);
  } else {
    volume = import(core, vmid, drive, *on, context, std::move(stop));
    size = on->info(volume).size;
  }
  undo.on_failure([on, volume] {
    try {
      on->remove(volume);
    } catch (const std::exception& error) {
      log::warn("volume '{}' is left over: {}", to_string(volume), error.what());
    }
  });
  MadeDrive made{value_for(std::move(drive), volume, size), true};
  return made;
}

bool is_owner(const Core& core, Vmid vmid, const std::string& volume) {
  if (volume.empty() || volume[0] == '/') return false;
  const auto id = wire::parse_volume_id(volume);
  const auto on = id ? core.parts.storages.find_if_exists(id->storage) : nullptr;
  if (on == nullptr) return false;
  // "9000/base-9000-disk-0.qcow2/1001/vm-1001-disk-0.qcow2": the last part is the volume itself.
  const std::string name = id->name.substr(id->name.rfind('/') + 1);
  const std::string number = to_string(vmid) + "-";
  return name.rfind("vm-" + number, 0) == 0 || name.rfind("base-" + number, 0) == 0;
}

bool release_volume(const Core& core, Vmid vmid, const std::string& volume) {
  if (!is_owner(core, vmid, volume)) return false;
  const auto [on, id] = core.parts.storages.resolve(volume);
  on->remove(id);
  return true;
}

void add_unused(Section& values, const std::string& volume) {
  for (int i = 0; i < 256; ++i) {
    const std::string key = "unused" + std::to_string(i);
    const auto* there = values.find(key);
    if (there != nullptr && *there == volume) return;
    if (there == nullptr) {
      values.set(key, volume);
      return;
    }
  }
  throw wire::failure("too many unused volumes - please delete them first.");
}

std::vector<std::string> volumes_of(const VmConfig& config) {
  std::vector<std::string> volumes;
  const auto collect = [&volumes](const Section& values) {
    for (const auto& [key, value] : values) {
      const auto parts = wire::split_key(key);
      const bool unused = parts && parts->kind == "unused";
      if (!qemu::is_disk_key(key) && !unused && key != "vmstate") continue;
      const std::string volume = value.substr(0, value.find(','));
      if (volume.find(':') != std::string::npos && !volume.ends_with(":cloudinit")) volumes.push_back(volume);
    }
  };
  collect(config.main);
  collect(config.pending);
  for (const auto& snapshot : config.snapshots) collect(snapshot.values);
  std::sort(volumes.begin(), volumes.end());
  volumes.erase(std::unique(volumes.begin(), volumes.end()), volumes.end());
  return volumes;
}

qemu::Places places_of(const Core& core, const Section& values) {
  qemu::Places places{core.runtime.folder().string(), {}, core.parts.serial_log_folder.string()};
  for (const auto& [key, value] : values) {
    if (!qemu::is_disk_key(key)) continue;
    const auto drive = qemu::parse_drive(key, value);
    if (request_of(drive) == DriveRequest::medium) continue;
    const auto [on, volume] = core.parts.storages.resolve(drive.volume);
    if (!on->exists(volume)) throw wire::failure(fmt::format("volume '{}' does not exist", drive.volume));
    const auto path = on->path_of(volume);
    qemu::VolumeFile file{path.string(), on->format_of(volume), takes_direct_io(path), 0};
    if (key == "efidisk0") file.size = on->info(volume).size.count;
    places.volumes[drive.volume] = std::move(file);
  }
  return places;
}

storage::CopyProgress log_progress(TaskContext* context) {
  if (context == nullptr) return {};
  return [context, next = std::make_shared<std::int64_t>(0)](Bytes done, Bytes total) {
    if (done.count < *next && done != total) return;
    *next = done.count + total.count / 8;
    const double percent =
        total.count > 0 ? 100.0 * static_cast<double>(done.count) / static_cast<double>(total.count) : 100.0;
    context->log(fmt::format("transferred {} of {} ({:.2f}%)", to_human(done), to_human(total), percent));
  };
}

}  // namespace hlid::node::vm
