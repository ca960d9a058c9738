#include "node/instant/shape.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "guest/warm_values.h"
#include "sys/hash.h"
#include "wire/vm_keys.h"

namespace hlid::node::instant {
namespace {

namespace warm = guest::warm;

/// A change of what a copy is or of how it is made must not meet copies of before.
constexpr std::string_view kFormat = "hlid warm copy 4";
constexpr const char* kWarmUuid = "6e1d0f5a-7f4e-4b61-9c55-3d8a77e00000";
constexpr const char* kSeedVolume = "warm:seed/vm-0-cloudinit.raw";
constexpr Vmid kWarmVmid{0};
/// QEMU's buffer of translated code (MiB) in a resumed machine; by itself it grows to 1 GiB, each machine's
/// own. Not for the copy: its boot translates several hundred, and with less it takes twice as long.
constexpr int kCodeMib = 256;

/// Options that change nothing of the hardware, or of hardware that resumes like any other.
constexpr std::array kHarmless = {
    "acpi",   "affinity",     "agent",     "balloon",    "boot",        "bootdisk", "ciuser",    "cipassword",
    "cores",  "cpu",          "cpulimit",  "cpuunits",   "description", "hotplug",  "ipconfig0", "keyboard",
    "kvm",    "meta",         "name",      "nameserver", "net0",        "onboot",   "ostype",    "protection",
    "scsihw", "searchdomain", "shares",    "smbios1",    "sockets",     "sshkeys",  "startup",   "tablet",
    "tags",   "vcpus",        "vga",       "vmgenid",    "memory",      "lock",     "machine",   "bios",
    "citype", "ciupgrade",    "localtime", "digest"};

bool is_harmless(const std::string& key) {
  const auto indexed = wire::split_key(key);
  if (wire::is_drive_key(key) || (indexed && (indexed->kind == "serial" || indexed->kind == "unused")))
    return true;
  return std::find(kHarmless.begin(), kHarmless.end(), key) != kHarmless.end();
}

std::string cloudinit_obstacle(const Section& values) {
  if (values.get("citype", "nocloud") != "nocloud") return "its cloud-init type is not nocloud";
  if (values.get("ciupgrade", "1") != "0") return "cloud-init is to upgrade its packages (ciupgrade)";
  if (values.get("ciuser").empty()) return "it has no ciuser";
  if (values.get("ciuser") == "root") return "its ciuser is root";
  const auto ip = wire::PropertyString::parse(values.get("ipconfig0"));
  const auto address = ip.get_or("ip", "");
  if (!contains(address, ".") || !ip.get_or("gw", "").size())
    return "it has no fixed IPv4 address with a gateway";
  if (ip.get("ip6") || ip.get("gw6")) return "it has an IPv6 configuration";
  return {};
}

std::string drive_obstacle(const Section& values) {
  int disks = 0;
  int seeds = 0;
  for (const auto& drive : qemu::drives_of(values)) {
    if (drive.is_cloudinit()) {
      ++seeds;
    } else if (!drive.is_cdrom()) {
      ++disks;
    } else {
      return fmt::format("it has a second CD drive ({})", drive.key);
    }
  }
  if (seeds != 1) return "it has no cloud-init drive";
  return disks == 1 ? "" : "it has not exactly one disk";
}

std::string hardware_obstacle(const Section& values) {
  const auto os = values.get("ostype");
  if (os != "l26" && os != "l24") return "its ostype is not Linux";
  if (!wire::PropertyString::parse(values.get("agent"), "enabled").get_bool("enabled", false))
    return "its guest agent is off";
  if (values.get("bios", "seabios") != "seabios") return "its firmware is OVMF";
  if (contains(values.get("machine"), "q35")) return "its machine type is q35";
  if (contains(values.get("hotplug"), "memory") || contains(values.get("hotplug"), "cpu"))
    return "its own hotplug of memory or CPUs is on";
  const auto mib = qemu::memory_mib(values);
  if (mib < kWarmMib) return fmt::format("it has less than {} MiB of memory", kWarmMib);
  if (mib % 128 != 0) return "its memory is no multiple of 128 MiB";
  if (mib > kMostMib) return fmt::format("it has more than {} MiB of memory", kMostMib);
  const auto card = values.find("net0");
  if (card == nullptr) return "it has no card net0";
  return qemu::parse_net("net0", *card).model == "virtio" ? "" : "its card is not virtio";
}

void erase_cards(Section& values) {
  const Section all = values;
  for (const auto& [key, value] : all)
    if (wire::is_net_key(key)) values.erase(key);
}

/// "uuid=…" of smbios1 replaced, all else kept.
std::string with_uuid(const std::string& smbios, const std::string& uuid) {
  auto options = wire::PropertyString::parse(smbios, "uuid");
  options.set("uuid", uuid);
  return options.print();
}

/// One option of a command line with its value ("" for a flag).
struct Option {
  std::string name;
  std::string value;
};

std::vector<Option> options_of(const std::vector<std::string>& argv, std::size_t from) {
  std::vector<Option> options;
  for (std::size_t i = from; i < argv.size(); ++i) {
    if (!argv[i].empty() && argv[i][0] == '-')
      options.push_back({argv[i], {}});
    else
      options.back().value = argv[i];
  }
  return options;
}

/// Memory as a file; a balloon that reports nothing (it would punch holes into the file that others read,
/// QEMU softmmu/physmem.c, ram_block_discard_range); the copy's card on a net that leads nowhere.
void adapt(std::vector<Option>& options, const std::string& memory, bool shared) {
  std::erase_if(
      options, [](const Option& o) { return o.name == "-object" && o.value.starts_with("memory-backend-"); });
  for (auto& option : options) {
    if (option.name == "-m") option.value = fmt::format("{}M,slots=8,maxmem={}M", kWarmMib, kMostMib);
    if (option.name == "-machine")
      option.value = "memory-backend=ram," + replace_all(option.value, "memory-backend=ram,", "");
    if (option.name == "-device") option.value = replace_all(option.value, ",free-page-reporting=on", "");
    if (option.name == "-netdev" && shared) option.value = "type=hubport,id=net0,hubid=0";
  }
  const auto machine =
      std::find_if(options.begin(), options.end(), [](const Option& o) { return o.name == "-machine"; });
  if (machine != options.end() && contains(machine->value, "accel=tcg,")) {
    machine->value = replace_all(machine->value, "accel=tcg,", "");
    options.push_back({"-accel", shared ? "tcg" : fmt::format("tcg,tb-size={}", kCodeMib)});
  }
  options.push_back(
      {"-object", fmt::format("memory-backend-file,id=ram,size={}M,mem-path={},share={}", kWarmMib,
                              replace_all(memory, ",", ",,"), shared ? "on" : "off")});
}

std::vector<std::string> command(Vmid vmid, const Section& values, const qemu::HostFacts& facts,
                                 const qemu::Places& places, const std::string& memory, bool shared) {
  const auto argv = qemu::build_command(vmid, values, facts, places);
  // `affinity` puts a program before QEMU's own.
  const auto program = std::find(argv.begin(), argv.end(), facts.qemu_binary);
  auto options = options_of(argv, static_cast<std::size_t>(program - argv.begin()) + 1);
  adapt(options, memory, shared);
  std::vector<std::string> out(argv.begin(), program + 1);
  for (auto& option : options) {
    out.push_back(option.name);
    if (!option.value.empty()) out.push_back(std::move(option.value));
  }
  return out;
}

}  // namespace

std::string obstacle(const Section& values) {
  for (const auto& [key, value] : values)
    if (!is_harmless(key)) return fmt::format("its option '{}' cannot be resumed", key);
  for (const auto& check : {hardware_obstacle, drive_obstacle, cloudinit_obstacle})
    if (auto why = check(values); !why.empty()) return why;
  return {};
}

qemu::Drive system_disk(const Section& values) {
  for (auto& drive : qemu::drives_of(values))
    if (!drive.is_cdrom()) return drive;
  throw Error(Errc::failed, "the machine has no disk");
}

Section warm_values(const Section& values) {
  Section out = values;
  erase_cards(out);
  for (const char* key : {"description", "tags", "onboot", "startup", "protection", "lock", "digest", "meta",
                          "affinity", "cipassword", "shares", "cpulimit", "cpuunits", "keyboard"})
    out.erase(key);
  out.set("name", warm::kHostname);
  out.set("net0", fmt::format("virtio={}", to_upper(warm::kMac)));
  out.set("memory", std::to_string(kWarmMib));
  out.set("smbios1", with_uuid(values.get("smbios1", "uuid=0"), kWarmUuid));
  if (values.get("vmgenid", "0") != "0") out.set("vmgenid", kWarmUuid);
  out.set("sshkeys", percent_encode(warm::kKey));
  out.set("nameserver", warm::kDns);
  out.set("searchdomain", warm::kDomain);
  out.set("ipconfig0", fmt::format("ip={}/{},gw={}", warm::kAddress, warm::kPrefix, warm::kGateway));
  for (auto drive : qemu::drives_of(values)) {
    if (!drive.is_cloudinit()) continue;
    drive.options.set("file", kSeedVolume);
    drive.options.remove("size");
    out.set(drive.key, drive.print());
  }
  return out;
}

std::vector<std::string> warm_command(const Section& values, const qemu::HostFacts& facts,
                                      const qemu::Places& places, const std::string& memory) {
  return command(kWarmVmid, values, facts, places, memory, true);
}

std::vector<std::string> resumed_command(Vmid vmid, const Section& values, const qemu::HostFacts& facts,
                                         const qemu::Places& places, const std::string& memory) {
  auto argv = command(vmid, values, facts, places, memory, false);
  argv.insert(argv.end(), {"-incoming", "defer"});
  return argv;
}

BaseFile look_at_base(const std::string& path, const std::string& format) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw system_error("cannot look at '" + path + "'");
  return {path, format, info.st_size,
          std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino};
}

std::string identity_of(const BaseFile& base) {
  return fmt::format("{} {} {} {} {}", base.path, base.format, base.size, base.mtime_ns, base.inode);
}

std::string warm_key(const Section& warm, const qemu::HostFacts& facts, const BaseFile& base,
                     const Files& seed) {
  qemu::Places places{"RUN", {}};
  Section values = warm;
  for (auto drive : qemu::drives_of(warm)) {
    if (drive.is_empty()) continue;
    const std::string name = drive.is_cloudinit() ? kSeedVolume : "DISK";
    drive.options.set("file", name);
    drive.options.remove("size");
    values.set(drive.key, drive.print());
    places.volumes[name] = {name, drive.is_cloudinit() ? "raw" : "qcow2", false};
  }
  std::string text = fmt::format("{}\n{}\n{}\n", kFormat, facts.qemu_version, identity_of(base));
  for (const auto& [name, content] : seed) text += name + "\n" + content + "\n";
  for (const auto& word : warm_command(values, facts, places, "MEMORY")) text += word + "\n";
  return sys::sha256_hex(text).substr(0, 32);
}

std::vector<qemu::QmpCommand> memory_commands(const Section& values) {
  const auto more = qemu::memory_mib(values) - kWarmMib;
  if (more <= 0) return {};
  return {
      {"object-add",
       {{"qom-type", "memory-backend-ram"}, {"id", "mem-dimm0"}, {"size", more << 20}, {"reserve", false}}},
      {"device_add", {{"driver", "pc-dimm"}, {"id", kMemoryDevice}, {"memdev", "mem-dimm0"}}}};
}

}  // namespace hlid::node::instant
