// The cloud-init drive as a volume of a storage.
#include "base/log.h"
#include "base/text.h"
#include "image/iso.h"
#include "image/qemu_img.h"
#include "node/instant/identity_file.h"
#include "node/storage/dir_names.h"
#include "node/vm/disks.h"
#include "sys/files.h"
#include "wire/api_error.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kFilesLimit = 3 << 20;  // what fits on a 4 MiB disc with room to spare

std::map<std::string, image::IsoContent> contents(const CloudInitDrive& drive) {
  std::map<std::string, image::IsoContent> files;
  std::size_t total = 0;
  for (const auto& [path, content] : drive.files) {
    files.emplace(path, content);
    total += content.size();
  }
  if (total > static_cast<std::size_t>(kFilesLimit)) throw wire::failure("cloud-init files too large");
  return files;
}

/// `cicustom: user=local:snippets/u.yaml,…` replaces whole files.
void put_custom_files(const Core& core, const Section& values, CloudInitDrive& drive) {
  const auto* custom = values.find("cicustom");
  if (custom == nullptr || drive.label != "cidata") return;
  const auto options = wire::PropertyString::parse(*custom);
  for (const auto& [kind, path] : {std::pair("user", "user-data"), std::pair("network", "network-config"),
                                   std::pair("meta", "meta-data"), std::pair("vendor", "vendor-data")}) {
    const auto volume = options.get(kind);
    if (!volume) continue;
    const auto [on, id] = core.parts.storages.resolve(*volume);
    if (!on->exists(id))
      throw wire::failure(fmt::format("can't open '{}' - No such file or directory", *volume));
    drive.files[path] = sys::read_file(on->path_of(id), 1U << 20);
  }
}

/// A machine that may be resumed finds its identity here, and its host keys whether it is resumed or booted.
void put_instant_files(const Core& core, Vmid vmid, const Section& values, CloudInitDrive& drive) {
  const auto keys = core.records.host_keys(vmid);
  if (keys.empty() || drive.label != "cidata") return;
  drive.files["vendor-data"] = instant::vendor_data(keys);
  if (!instant::obstacle(values).empty()) return;
  auto identity = cloudinit_identity(vmid, values, core.dns());
  identity.host_keys = keys;
  identity.machine_id = replace_all(core.parts.random.uuid().text, "-", "");
  drive.files["hlid-identity"] = instant::print_identity(identity);
}

}  // namespace

std::optional<qemu::Drive> cloudinit_drive_of(const Section& values) {
  for (const auto& drive : qemu::drives_of(values)) {
    if (drive.is_cloudinit()) return drive;
  }
  return std::nullopt;
}

void check_single_cloudinit(const Section& values, const qemu::Drive& added) {
  if (!added.is_cloudinit()) return;
  for (const auto& drive : qemu::drives_of(values)) {
    if (drive.is_cloudinit() && drive.key != added.key) {
      throw wire::failure(
          fmt::format("{} - cloud-init drive is already attached at '{}'", added.key, drive.key));
    }
  }
}

void write_cloudinit(const Core& core, Vmid vmid, const Section& values) {
  const auto drive = cloudinit_drive_of(values);
  if (!drive) return;
  CloudInitDrive files = cloudinit_drive(vmid, values, core.dns());
  put_instant_files(core, vmid, values, files);
  put_custom_files(core, values, files);
  const auto [on, volume] = core.parts.storages.resolve(drive->volume);
  const fs::path target = on->path_of(volume);
  const std::string format = on->format_of(volume);
  sys::make_folder(target.parent_path());
  // Made whole under another name and renamed: a machine that runs keeps the old disc until it is given the
  // new one.
  const fs::path disc = fs::path(target).concat(".iso").concat(storage::kTemporarySuffix);
  const fs::path made = fs::path(target).concat(storage::kTemporarySuffix);
  sys::Rollback undo;
  undo.on_failure([disc, made] {
    std::error_code ignored;  // the next write replaces what is left
    fs::remove(disc, ignored);
    fs::remove(made, ignored);
  });
  image::write_iso(disc, files.label, contents(files));
  fs::resize_file(disc, static_cast<std::uintmax_t>(mib(4).count));
  if (format == "raw") {
    fs::rename(disc, target);
  } else {
    image::QemuImg(core.parts.processes).convert(disc, "raw", made, format);
    fs::rename(made, target);
    fs::remove(disc);
  }
  undo.commit();
}

}  // namespace hlid::node::vm
