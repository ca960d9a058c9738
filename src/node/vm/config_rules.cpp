#include "node/vm/config_rules.h"

#include <crypt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/text.h"
#include "node/qemu/devices.h"
#include "node/vm/cloudinit.h"
#include "node/vm/disks.h"
#include "sys/entropy.h"
#include "wire/api_error.h"
#include "wire/property_string.h"
#include "wire/vm_keys.h"

namespace hlid::node::vm {
namespace {

using config::Section;
using config::VmConfig;
using Names = std::set<std::string, std::less<>>;

const Names& number_options() {
  static const Names kNames = {"acpi",      "allow-ksm",     "autostart", "balloon",       "ciupgrade",
                               "cores",     "cpuunits",      "freeze",    "keephugepages", "kvm",
                               "localtime", "migrate_speed", "numa",      "onboot",        "protection",
                               "reboot",    "shares",        "smp",       "sockets",       "tablet",
                               "tdf",       "template",      "vcpus",     "snaptime"};
  return kNames;
}

const Names& text_options() {
  static const Names kNames = {"affinity",
                               "agent",
                               "amd-sev",
                               "arch",
                               "args",
                               "bios",
                               "boot",
                               "bootdisk",
                               "cicustom",
                               "cipassword",
                               "citype",
                               "ciuser",
                               "cpu",
                               "cpulimit",
                               "description",
                               "hookscript",
                               "hotplug",
                               "hugepages",
                               "intel-tdx",
                               "ivshmem",
                               "keyboard",
                               "lock",
                               "machine",
                               "memory",
                               "meta",
                               "migrate_downtime",
                               "name",
                               "nameserver",
                               "ostype",
                               "parent",
                               "rng0",
                               "runningcpu",
                               "runningmachine",
                               "scsihw",
                               "searchdomain",
                               "smbios1",
                               "spice_enhancements",
                               "sshkeys",
                               "startdate",
                               "startup",
                               "tags",
                               "vga",
                               "vmgenid",
                               "vmstate",
                               "vmstatestorage",
                               "watchdog",
                               "audio0",
                               "efidisk0",
                               "tpmstate0",
                               "cdrom"};
  return kNames;
}

struct Indexed {
  std::string_view kind;
  int count;
};
constexpr std::array kIndexed = {Indexed{"net", 32},     Indexed{"ipconfig", 32}, Indexed{"serial", 4},
                                 Indexed{"parallel", 3}, Indexed{"usb", 14},      Indexed{"hostpci", 16},
                                 Indexed{"numa", 8},     Indexed{"unused", 256},  Indexed{"virtiofs", 10}};

std::string uuid(sys::Random& random) {
  return random.uuid().text;
}

/// The devices of "order=…"; nullopt for legacy letters or none.
std::optional<std::vector<std::string>> ordered(const Section& values) {
  const auto* boot = values.find("boot");
  if (boot == nullptr) return std::nullopt;
  const auto options = wire::PropertyString::parse(*boot, "legacy");
  const auto order = options.get("order");
  if (!order) return std::nullopt;
  return split_list(*order, "; ");
}

/// First disk, first CD, first card: what a new machine boots from.
std::string default_boot(const Section& values) {
  std::vector<std::string> order;
  const auto drives = qemu::drives_of(values);
  const auto first = [&](bool cdrom) {
    const auto at =
        std::find_if(drives.begin(), drives.end(), [cdrom](const auto& d) { return d.is_cdrom() == cdrom; });
    if (at != drives.end()) order.push_back(at->key);
  };
  first(false);
  first(true);
  const auto nets = qemu::nets_of(values);
  if (!nets.empty()) order.push_back("net" + std::to_string(nets.front().index));
  return order.empty() ? "" : "order=" + join(order, ";");
}

/// What becomes of the volume that `key` had: a cloud-init drive's is released, a disk's kept as unused.
void let_go(Section& values, const std::string& key, bool force, std::vector<std::string>& release) {
  const auto* value = values.find(key);
  if (value == nullptr) return;
  const auto parts = wire::split_key(key);
  if (parts && parts->kind == "unused") {
    release.push_back(*value);
  } else if (qemu::is_disk_key(key)) {
    const auto drive = qemu::parse_drive(key, *value);
    if (request_of(drive) == DriveRequest::medium) return;
    if (drive.is_cloudinit() || (force && !drive.is_cdrom())) {
      release.push_back(drive.volume);
    } else if (!drive.is_cdrom()) {
      add_unused(values, drive.volume);
    }
  }
}

std::string volume_of(std::string_view value) {
  return std::string(value.substr(0, value.find(',')));
}

/// An unused volume that is attached again is no longer unused.
void forget_unused(Section& values, const std::string& volume) {
  for (int i = 0; i < 256; ++i) {
    const std::string key = "unused" + std::to_string(i);
    if (const auto* there = values.find(key); there != nullptr && *there == volume) values.erase(key);
  }
}

bool has_device(const VmConfig& config, const std::string& key) {
  if (config.pending.contains(key)) return true;
  return config.main.contains(key) && config.deletion(key) == nullptr;
}

}  // namespace

bool is_option(std::string_view key) {
  if (number_options().count(key) != 0 || text_options().count(key) != 0 || wire::is_drive_key(key))
    return true;
  const auto parts = wire::split_key(key);
  return parts && std::any_of(kIndexed.begin(), kIndexed.end(), [&parts](const Indexed& indexed) {
           return indexed.kind == parts->kind && parts->index < indexed.count;
         });
}

json::value typed_value(std::string_view key, const std::string& value) {
  if (number_options().count(key) == 0) return json::value(json::string(value));
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) return json::value(json::string(value));
  return number;
}

bool applies_at_once(std::string_view key) {
  for (const std::string_view one :
       {"name", "description", "tags", "onboot", "startup", "protection", "hookscript", "lock", "shares",
        "vmstatestorage", "migrate_downtime", "migrate_speed", "balloon"}) {
    if (key == one) return true;
  }
  const auto parts = wire::split_key(key);
  return is_cloudinit_key(key) || (parts && parts->kind == "unused");
}

bool is_root_only(std::string_view key, std::string_view value) {
  if (key == "args" || key == "lock" || key == "hookscript" || key == "affinity") return true;
  const auto parts = wire::split_key(key);
  if (!parts) return false;
  if (parts->kind == "serial") return value != "socket";
  return parts->kind == "parallel" || (parts->kind == "usb" && contains(value, "host="));
}

void check_plain(std::string_view key, const std::string& value) {
  if (key == "description") return;  // encoded in the file
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
      throw wire::parameter_error(std::string(key), "value must not have line breaks or control characters");
    }
  }
}

std::string normalised_tags(std::string_view text) {
  std::vector<std::string> tags;
  for (auto& tag : wire::parse_tags(text)) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(std::move(tag));
  }
  return wire::print_tags(tags);
}

std::string new_mac(sys::Random& random) {
  const std::string bytes = random.bytes(3);
  const auto byte = [&bytes](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(bytes[i]));
  };
  return fmt::format("BC:24:11:{:02X}:{:02X}:{:02X}", byte(0), byte(1), byte(2));
}

std::string stored_net(std::string_view key, const std::string& value, sys::Random& random) {
  try {
    auto card = qemu::parse_net(key, value);
    if (card.mac.empty()) card.mac = new_mac(random);
    return card.print();
  } catch (const wire::ApiError&) {
    throw;
  } catch (const Error& error) {
    throw wire::parameter_error(std::string(key), fmt::format("invalid format - {}\n", error.message()));
  }
}

std::string stored_password(const std::string& password, bool windows, sys::Random& random) {
  // Already a crypt(3) hash: $1$, $5$, $6$, $2a$, $2y$ with at least a salt and a hash.
  const auto parts = split(password, '$');
  const bool hashed =
      parts.size() >= 4 && parts[0].empty() &&
      (parts[1] == "1" || parts[1] == "5" || parts[1] == "6" || parts[1] == "2a" || parts[1] == "2y");
  if (windows || hashed || password.empty()) return password;
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string salt = "$5$";
  for (int i = 0; i < 8; ++i) salt += kAlphabet[random.number(kAlphabet.size())];
  crypt_data scratch{};
  const char* hash = ::crypt_r(password.c_str(), (salt + "$").c_str(), &scratch);
  if (hash == nullptr || hash[0] == '*') throw Error(Errc::failed, "the password cannot be hashed");
  return hash;
}

void add_creation_defaults(Section& values, const std::string& qemu_version, std::int64_t now,
                           sys::Random& random) {
  if (!values.contains("boot")) values.set("boot", default_boot(values));
  auto smbios = wire::PropertyString::parse(values.get("smbios1"), "uuid");
  if (!smbios.get("uuid")) {
    const auto rest = smbios.print();
    values.set("smbios1", "uuid=" + uuid(random) + (rest.empty() ? "" : "," + rest));
  }
  const std::string vmgenid = values.get("vmgenid", "1");
  if (vmgenid == "1") values.set("vmgenid", uuid(random));
  values.set("meta", fmt::format("creation-qemu={},ctime={}", qemu_version, now));
}

Section as_clone(const Section& source, sys::Random& random) {
  Section out;
  for (const auto& [key, value] : source) {
    const auto parts = wire::split_key(key);
    if (parts && parts->kind == "unused") continue;
    if (key == "lock" || key == "template" || key == "parent" || key == "snaptime" || key == "vmstate" ||
        key == "runningmachine" || key == "runningcpu" || key == "snapstate") {
      continue;
    }
    if (wire::is_net_key(key)) {
      auto card = qemu::parse_net(key, value);
      card.mac = new_mac(random);
      out.set(key, card.print());
    } else if (key == "smbios1") {
      auto smbios = wire::PropertyString::parse(value, "uuid");
      smbios.set("uuid", uuid(random));
      out.set(key, smbios.print());
    } else if (key == "vmgenid") {
      out.set(key, value == "0" ? value : uuid(random));
    } else {
      out.set(key, value);
    }
  }
  if (!out.contains("smbios1")) out.set("smbios1", "uuid=" + uuid(random));
  return out;
}

std::optional<std::string> boot_without(const Section& values, std::string_view key) {
  auto order = ordered(values);
  if (!order || std::erase(*order, key) == 0) return std::nullopt;
  return order->empty() ? std::string(" ") : "order=" + join(*order, ";");
}

std::optional<std::string> boot_with(const Section& values, std::string_view key) {
  auto order = ordered(values);
  if (!order || order->empty() || std::find(order->begin(), order->end(), key) != order->end())
    return std::nullopt;
  order->emplace_back(key);
  return "order=" + join(*order, ";");
}

std::vector<std::string> apply_pending(VmConfig& config,
                                       const std::function<bool(const std::string& key)>& wanted) {
  std::vector<std::string> release;
  const auto deletions = config.deletions;
  for (const auto& deletion : deletions) {
    if (!wanted(deletion.key)) continue;
    let_go(config.main, deletion.key, deletion.force, release);
    config.main.erase(deletion.key);
    config.drop_deletion(deletion.key);
  }
  const Section pending = config.pending;
  for (const auto& [key, value] : pending) {
    if (!wanted(key)) continue;
    if (qemu::is_disk_key(key)) {
      const auto* old = config.main.find(key);
      if (old != nullptr && volume_of(*old) != volume_of(value)) let_go(config.main, key, false, release);
      forget_unused(config.main, volume_of(value));
    }
    config.main.set(key, value);
    config.pending.erase(key);
  }
  return release;
}

void tidy_pending(VmConfig& config) {
  const Section pending = config.pending;
  for (const auto& [key, value] : pending) {
    const auto* current = config.main.find(key);
    if (current != nullptr && *current == value) config.pending.erase(key);
  }
  const auto deletions = config.deletions;
  for (const auto& deletion : deletions) {
    if (!config.main.contains(deletion.key)) config.drop_deletion(deletion.key);
  }
}

void check_boot_order(const VmConfig& config, const std::string& boot) {
  Section only;
  only.set("boot", boot);
  for (const auto& device : ordered(only).value_or(std::vector<std::string>())) {
    if (!has_device(config, device)) {
      throw wire::failure(fmt::format("invalid bootorder: device '{}' does not exist'", device));
    }
  }
}

}  // namespace hlid::node::vm
