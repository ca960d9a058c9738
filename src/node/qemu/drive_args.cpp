// -drive and its -device, SCSI and SATA controllers, iothreads.
#include <array>
#include <set>

#include "base/text.h"
#include "node/qemu/arguments.h"
#include "node/qemu/pci_address.h"
#include "wire/api_error.h"

namespace hlid::node::qemu {
namespace {

constexpr std::array<std::string_view, 10> kPassedOn = {"heads", "secs",   "cyls",   "trans", "media",
                                                        "cache", "rerror", "werror", "aio",   "discard"};

struct Throttle {
  std::string_view key;
  std::string_view option;
  long long factor;
};
constexpr long long kMib = 1024 * 1024;
constexpr std::array kThrottles = {
    Throttle{"mbps", "bps-total", kMib},
    Throttle{"mbps_max", "bps-total-max", kMib},
    Throttle{"mbps_rd", "bps-read", kMib},
    Throttle{"mbps_rd_max", "bps-read-max", kMib},
    Throttle{"mbps_wr", "bps-write", kMib},
    Throttle{"mbps_wr_max", "bps-write-max", kMib},
    Throttle{"bps", "bps-total", 1},
    Throttle{"bps_rd", "bps-read", 1},
    Throttle{"bps_wr", "bps-write", 1},
    Throttle{"iops", "iops-total", 1},
    Throttle{"iops_max", "iops-total-max", 1},
    Throttle{"iops_rd", "iops-read", 1},
    Throttle{"iops_rd_max", "iops-read-max", 1},
    Throttle{"iops_wr", "iops-write", 1},
    Throttle{"iops_wr_max", "iops-write-max", 1},
};

const VolumeFile& file_of(const Drive& drive, const Places& places) {
  const auto at = places.volumes.find(drive.volume);
  if (at == places.volumes.end())
    throw wire::failure(fmt::format("volume '{}' does not exist", drive.volume));
  return at->second;
}

std::string throttling(const Drive& drive) {
  std::string out;
  for (const auto& throttle : kThrottles) {
    if (const auto value = drive.options.get(throttle.key)) {
      out += fmt::format(
          ",throttling.{}={}", throttle.option,
          static_cast<long long>(std::atof(value->c_str()) * static_cast<double>(throttle.factor)));
    }
  }
  return out;
}

std::string scsi_hardware(const Build& build) {
  const std::string type = build.values.get("scsihw", "lsi");
  for (const std::string_view known :
       {"lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"}) {
    if (type == known) return type;
  }
  throw wire::failure(fmt::format("unknown SCSI controller type '{}'", type));
}

bool has_iothread(const Build& build, const Drive& drive) {
  if (!drive.options.get_bool("iothread", false) || drive.is_cdrom()) return false;
  return drive.bus == "virtio" || (drive.bus == "scsi" && scsi_hardware(build) == "virtio-scsi-single");
}

std::string iothread_of(const Drive& drive) {
  return drive.bus == "scsi" ? fmt::format("iothread-virtioscsi{}", drive.index) : "iothread-" + drive.key;
}

int disks_per_controller(const std::string& hardware) {
  if (hardware == "virtio-scsi-pci") return 256;
  return hardware == "virtio-scsi-single" ? 1 : 7;
}

/// The `bus=…` part of a SCSI disk's device.
std::string scsi_place(const Build& build, const Drive& drive) {
  const std::string hardware = scsi_hardware(build);
  if (hardware == "virtio-scsi-single") {
    return fmt::format("bus=virtioscsi{}.0,channel=0,scsi-id=0,lun={}", drive.index, drive.index);
  }
  const int each = disks_per_controller(hardware);
  if (hardware == "virtio-scsi-pci") {
    return fmt::format("bus=scsihw{}.0,channel=0,scsi-id=0,lun={}", drive.index / each, drive.index % each);
  }
  return fmt::format("bus=scsihw{}.0,scsi-id={}", drive.index / each, drive.index % each);
}

std::string ide_place(const Build& build, const Drive& drive) {
  if (drive.bus == "sata") return fmt::format("bus=ahci{}.{}", drive.index / 6, drive.index % 6);
  const int unit = drive.index % 2;
  // Q35 has one unit on each IDE port; odd drives move up.
  if (build.q35) return fmt::format("bus=ide.{},unit=0", drive.index / 2 + 2 * unit);
  return fmt::format("bus=ide.{},unit={}", drive.index / 2, unit);
}

std::string device_argument(const Build& build, const Drive& drive) {
  std::string device;
  if (drive.bus == "virtio") {
    device =
        fmt::format("virtio-blk-pci,drive=drive-{},id={},{}", drive.key, drive.key, pci_address(drive.key));
    if (has_iothread(build, drive)) device += ",iothread=" + iothread_of(drive);
  } else {
    const bool scsi = drive.bus == "scsi";
    device =
        fmt::format("{}-{},{},drive=drive-{},id={}", scsi ? "scsi" : "ide", drive.is_cdrom() ? "cd" : "hd",
                    scsi ? scsi_place(build, drive) : ide_place(build, drive), drive.key, drive.key);
    if (drive.options.get_bool("ssd", false)) device += ",rotation_rate=1";
    if (const auto wwn = drive.options.get("wwn")) device += ",wwn=" + *wwn;
  }
  device += build.boot_index(drive.key);
  if (const auto serial = drive.options.get("serial")) device += ",serial=" + percent_decode(*serial);
  return device;
}

/// The controller a drive needs, before the first drive that does.
void add_controller(Build& build, const Drive& drive, std::set<std::string>& made) {
  if (drive.bus == "scsi") {
    const std::string hardware = scsi_hardware(build);
    const bool single = hardware == "virtio-scsi-single";
    const std::string id = single ? fmt::format("virtioscsi{}", drive.index)
                                  : fmt::format("scsihw{}", drive.index / disks_per_controller(hardware));
    if (!made.insert(id).second) return;
    std::string device =
        fmt::format("{},id={},{}", single ? "virtio-scsi-pci" : hardware, id, pci_address(id));
    if (has_iothread(build, drive)) device += ",iothread=" + iothread_of(drive);
    if (const auto queues = drive.options.get("queues"); queues && single) device += ",num_queues=" + *queues;
    build.add("-device", device);
  } else if (drive.bus == "sata") {
    const std::string id = fmt::format("ahci{}", drive.index / 6);
    if (made.insert(id).second)
      build.add("-device", fmt::format("ahci,id={},multifunction=on,{}", id, pci_address(id)));
  }
}

}  // namespace

std::string drive_argument(const Drive& drive, const HostFacts& facts, const Places& places) {
  std::string out;
  const VolumeFile* file = nullptr;
  if (drive.volume == "cdrom") throw wire::failure("the host's own CD drive is not supported by this node");
  if (!drive.is_empty()) {
    file = &file_of(drive, places);
    out = "file=" + replace_all(file->path, ",", ",,") + ",";
  }
  out += "if=none,id=drive-" + drive.key;
  bool cache = false;
  bool aio = false;
  for (const auto key : kPassedOn) {
    auto value = drive.options.get(key);
    if (!value || (key == "media" && *value == "disk")) continue;
    if (key == "aio" && *value == "io_uring" && !facts.io_uring) value = "threads";
    if (key == "cache" && (*value == "none" || *value == "directsync") && file != nullptr &&
        !file->direct_io) {
      value = "writeback";
    }
    out += fmt::format(",{}={}", key, *value);
    cache = cache || key == "cache";
    aio = aio || key == "aio";
  }
  if (drive.options.get_bool("ro", false)) out += ",readonly=on";
  out += throttling(drive);
  if (file != nullptr) out += ",format=" + file->format;
  if (!cache && !drive.is_cdrom()) {
    out += file == nullptr || file->direct_io ? ",cache=none" : ",cache=writeback";
  }
  if (!aio) out += facts.io_uring ? ",aio=io_uring" : ",aio=threads";
  if (!drive.is_cdrom() && drive.options.get_bool("detect_zeroes", true)) {
    out += drive.options.get_or("discard", "") == "on" ? ",detect-zeroes=unmap" : ",detect-zeroes=on";
  }
  return out;
}

void add_iothreads(Build& build) {
  for (const auto& drive : build.drives) {
    if (has_iothread(build, drive)) build.add("-object", "iothread,id=" + iothread_of(drive));
  }
}

void add_drives(Build& build) {
  std::set<std::string> controllers;
  for (const auto& drive : build.drives) {
    add_controller(build, drive, controllers);
    build.add("-drive", drive_argument(drive, build.facts, build.places));
    build.add("-device", device_argument(build, drive));
  }
}

}  // namespace hlid::node::qemu
