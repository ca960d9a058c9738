// Everything that is neither processor, memory nor drive.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "node/qemu/arguments.h"
#include "node/qemu/pci_address.h"
#include "wire/api_error.h"

namespace hlid::node::qemu {
namespace {

bool is_serial(std::string_view vga) {
  return vga.rfind("serial", 0) == 0;
}
bool is_qxl(std::string_view vga) {
  return vga.rfind("qxl", 0) == 0;
}

std::string net_device(const Build& build, const NetCard& card) {
  const std::string id = fmt::format("net{}", card.index);
  const bool virtio = card.model == "virtio";
  std::string device = fmt::format("{},mac={},netdev={},{},id={}", virtio ? "virtio-net-pci" : card.model,
                                   card.mac, id, pci_address(id), id);
  if (virtio && card.queues > 1) {
    // Two vectors for each queue (receive and transmit), one for configuration, one for the control queue.
    device += fmt::format(",vectors={},mq=on,packed=on", card.queues * 2 + 2);
  }
  if (virtio) device += ",rx_queue_size=1024,tx_queue_size=256";
  device += build.boot_index(id);
  if (virtio && card.mtu && *card.mtu > 1) device += fmt::format(",host_mtu={}", *card.mtu);
  return device;
}

std::string net_backend(const Build& build, const NetCard& card) {
  const std::string id = fmt::format("net{}", card.index);
  if (card.bridge.empty()) {
    return fmt::format("type=user,id={},hostname={}", id,
                       build.values.get("name", "vm" + to_string(build.vmid)));
  }
  std::string backend = fmt::format("type=tap,id={},ifname={},script=no,downscript=no", id,
                                    tap_name(build.vmid.value, card.index));
  if (card.queues > 1 && card.model == "virtio") backend += fmt::format(",queues={}", card.queues);
  return backend;
}

/// Q35: an EHCI controller with its companions, and legacy PCI bridges with the names that i440FX has, so
/// that every device keeps its bus.
void add_q35_buses(Build& build) {
  build.add("-device", "ich9-usb-ehci1,id=ehci,bus=pcie.0,addr=0x1d.0x7,multifunction=on");
  for (int i = 0; i < 3; ++i) {
    build.add("-device", fmt::format("ich9-usb-uhci{},id=uhci-{},bus=pcie.0,addr=0x1d.{:#x},multifunction=on,"
                                     "masterbus=ehci.0,firstport={}",
                                     i + 1, i + 1, i, i * 2));
  }
  build.add("-device", "i82801b11-bridge,id=pcidmi,bus=pcie.0,addr=0x1e");
  for (int i = 0; i < 4; ++i) {
    build.add("-device",
              fmt::format("pci-bridge,id=pci.{},bus=pcidmi,addr={:#x},chassis_nr={}", i, i + 1, i + 1));
  }
}

void add_i440fx_buses(Build& build) {
  const bool single = build.values.get("scsihw") == "virtio-scsi-single";
  for (int i = 1; i <= (single ? 3 : 2); ++i) {
    build.add("-device", fmt::format("pci-bridge,id=pci.{},chassis_nr={},{}", i, i,
                                     pci_address(fmt::format("pci.{}", i))));
  }
}

}  // namespace

void add_nets(Build& build) {
  for (const auto& card : build.nets) {
    build.add("-netdev", net_backend(build, card));
    build.add("-device", net_device(build, card));
  }
}

void add_buses_and_usb(Build& build) {
  if (build.q35) {
    add_q35_buses(build);
  } else {
    add_i440fx_buses(build);
  }
  if (const auto* id = build.values.find("vmgenid"); id != nullptr && *id != "0") {
    build.add("-device", "vmgenid,guid=" + *id);
  }
  if (!build.q35) build.add("-device", "piix3-usb-uhci,id=uhci,bus=pci.0,addr=0x1.0x2");
  if (build.flag("tablet", !is_serial(build.vga) && !is_qxl(build.vga))) {
    build.add("-device", build.q35 ? "usb-tablet,id=tablet,bus=ehci.0,port=1"
                                   : "usb-tablet,id=tablet,bus=uhci.0,port=1");
  }
}

void add_firmware(Build& build) {
  const std::string bios = build.values.get("bios", "seabios");
  if (bios == "seabios") return;
  if (bios != "ovmf") throw wire::failure(fmt::format("unknown bios '{}'", bios));
  if (build.facts.ovmf_code.empty()) throw wire::failure("EFI base image of package 'ovmf' not found");
  build.add("-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + build.facts.ovmf_code);
  const std::string* value = build.values.find("efidisk0");
  if (value == nullptr) {  // variables that last as long as QEMU does
    build.add("-drive", "if=pflash,unit=1,id=drive-efidisk0,format=raw,file=" + build.socket("ovmf.fd"));
    return;
  }
  const Drive drive = parse_drive("efidisk0", *value);
  if (drive.options.get_or("efitype", "2m") != "4m")
    throw wire::failure("efidisk0: only efitype=4m is supported");
  const auto file = build.places.volumes.find(drive.volume);
  if (file == build.places.volumes.end()) {
    throw wire::failure(fmt::format("volume '{}' does not exist", drive.volume));
  }
  std::string argument = fmt::format("if=pflash,unit=1,id=drive-efidisk0,format={},file={}",
                                     file->second.format, file->second.path);
  if (file->second.format == "raw") argument += fmt::format(",size={}", file->second.size);
  build.add("-drive", argument);
}

void add_display(Build& build) {
  if (build.vga == "none") build.add("-vga", "none");
  if (build.vga == "none" || is_serial(build.vga)) {
    build.add("-nographic");
  } else {
    build.add("-vnc", "unix:" + build.socket("vnc") + ",password=on");
  }
}

void add_vga_card(Build& build) {
  if (build.vga == "none" || is_serial(build.vga)) return;
  std::string device;
  std::string memory;
  if (build.vga == "std" || is_qxl(build.vga)) {
    device = "VGA";
    memory = "vgamem_mb";
  } else if (build.vga == "cirrus") {
    device = "cirrus-vga";
  } else if (build.vga == "vmware") {
    device = "vmware-svga";
    memory = "vgamem_mb";
  } else if (build.vga == "virtio") {
    device = "virtio-vga";
    memory = "max_hostmem";
  } else {
    throw wire::failure(fmt::format("unknown display type '{}'", build.vga));
  }
  device += ",id=vga";
  if (!memory.empty() && !build.vga_memory.empty()) {
    const long long mib = std::atoll(build.vga_memory.c_str());
    device += fmt::format(",{}={}", memory, memory == "max_hostmem" ? mib * 1024 * 1024 : mib);
  }
  device += build.q35 ? ",bus=pcie.0,addr=0x1" : "," + pci_address("vga");
  const bool no_edid = build.vga == "std" && build.windows && build.values.get("bios", "seabios") != "ovmf";
  if (no_edid) device += ",edid=off";
  build.add("-device", device);
}

void add_serial_and_tpm(Build& build) {
  for (int i = 0; i < 4; ++i) {
    const std::string id = fmt::format("serial{}", i);
    const std::string* value = build.values.find(id);
    if (value == nullptr) continue;
    if (*value == "socket") {
      const auto& folder = build.places.serial_log_folder;
      const auto log =
          folder.empty() ? std::string() : fmt::format(",logfile={}/{}.{}", folder, build.vmid.value, id);
      build.add("-chardev",
                fmt::format("socket,id={},path={},server=on,wait=off{}", id, build.socket(id), log));
    } else {
      build.add("-chardev", fmt::format("serial,id={},path={}", id, *value));
    }
    build.add("-device", fmt::format("isa-serial,chardev={}", id));
  }
  if (!build.values.contains("tpmstate0")) return;
  build.add("-chardev", "socket,id=tpmchar,path=" + build.socket("swtpm"));
  build.add("-tpmdev", "emulator,id=tpmdev,chardev=tpmchar");
  build.add("-device", "tpm-tis,tpmdev=tpmdev");
}

void add_audio(Build& build) {
  const std::string* value = build.values.find("audio0");
  if (value == nullptr) return;
  const auto options = wire::PropertyString::parse(*value);
  const std::string device = options.get_or("device", "");
  const std::string place = pci_address("audio0");
  if (device == "AC97") {
    build.add("-device", "AC97,id=audiodev0," + place + ",audiodev=none-backend0");
  } else if (device == "ich9-intel-hda" || device == "intel-hda") {
    build.add("-device", device + ",id=audiodev0," + place);
    build.add("-device", "hda-micro,id=audiodev0-codec0,bus=audiodev0.0,cad=0,audiodev=none-backend0");
    build.add("-device", "hda-duplex,id=audiodev0-codec1,bus=audiodev0.0,cad=1,audiodev=none-backend0");
  } else {
    throw wire::failure(fmt::format("unknown audio device '{}', implementation missing?", device));
  }
  build.add("-audiodev", "none,id=none-backend0");
}

void add_rng(Build& build) {
  const std::string* value = build.values.find("rng0");
  if (value == nullptr) return;
  const auto options = wire::PropertyString::parse(*value, "source");
  const std::string source = options.get_or("source", "");
  if (source != "/dev/urandom" && source != "/dev/random" && source != "/dev/hwrng") {
    throw wire::failure(fmt::format("rng0: unknown source '{}'", source));
  }
  build.add("-object", fmt::format("rng-random,filename={},id=rng0", source));
  const std::string bytes = options.get_or("max_bytes", "1024");
  std::string device = "virtio-rng-pci,rng=rng0";
  if (bytes != "0") device += fmt::format(",max-bytes={},period={}", bytes, options.get_or("period", "1000"));
  build.add("-device", device + "," + pci_address("rng0"));
}

void add_agent(Build& build) {
  const std::string* value = build.values.find("agent");
  if (value == nullptr) return;
  const auto options = wire::PropertyString::parse(*value, "enabled");
  if (!options.get_bool("enabled", false)) return;
  build.add("-chardev", fmt::format("socket,path={},server=on,wait=off,id=qga0", build.socket("qga")));
  if (options.get_or("type", "virtio") == "isa") {
    build.add("-device", "isa-serial,chardev=qga0");
    return;
  }
  build.add("-device", "virtio-serial,id=qga0," + pci_address("qga0"));
  build.add("-device", "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0");
}

void add_balloon_and_watchdog(Build& build) {
  if (build.values.get("balloon") != "0") {
    build.add("-device",
              "virtio-balloon-pci,id=balloon0," + pci_address("balloon0") + ",free-page-reporting=on");
  }
  const std::string* value = build.values.find("watchdog");
  if (value == nullptr) return;
  const auto options = wire::PropertyString::parse(*value, "model");
  const std::string model = options.get_or("model", "i6300esb");
  if (model != "i6300esb" && model != "ib700")
    throw wire::failure(fmt::format("unknown watchdog type '{}'", model));
  build.add("-device", model == "i6300esb" ? "i6300esb," + pci_address("watchdog") : model);
  if (const auto action = options.get("action")) build.add("-watchdog-action", *action);
}

void add_clock_and_iommu(Build& build) {
  std::vector<std::string> rtc;
  if (build.windows) rtc.emplace_back("driftfix=slew");
  if (const auto* date = build.values.find("startdate"); date != nullptr && *date != "now") {
    rtc.push_back("base=" + *date);
  } else if (build.flag("localtime", build.windows)) {
    rtc.emplace_back("base=localtime");
  }
  if (!rtc.empty()) build.add("-rtc", join(rtc, ","));
  const auto machine = wire::PropertyString::parse(build.values.get("machine", "pc"), "type");
  const auto viommu = machine.get("viommu");
  if (!viommu) return;
  if (!build.q35) throw wire::failure("to use a vIOMMU the machine type must be q35");
  build.add("-device", *viommu == "intel" ? "intel-iommu,intremap=on,caching-mode=on" : "virtio-iommu-pci");
}

}  // namespace hlid::node::qemu
