#include "node/qemu/devices.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "wire/vm_keys.h"

namespace hlid::node::qemu {
namespace {

constexpr std::array<std::string_view, 12> kModels = {
    "virtio",        "e1000",         "e1000e",   "rtl8139",  "vmxnet3", "e1000-82540em",
    "e1000-82544gc", "e1000-82545em", "ne2k_pci", "ne2k_isa", "pcnet",   "i82551"};

bool is_model(std::string_view name) {
  return std::find(kModels.begin(), kModels.end(), name) != kModels.end();
}

std::optional<int> number(const wire::PropertyString& options, std::string_view key) {
  const auto text = options.get(key);
  int value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

/// Sub-keys sorted by name behind the default one, as Proxmox prints them.
std::string print_sorted(const wire::PropertyString& options, std::string_view default_key, bool bare) {
  auto items = options.items();
  std::stable_sort(items.begin(), items.end(), [default_key](const auto& a, const auto& b) {
    if ((a.first == default_key) != (b.first == default_key)) return a.first == default_key;
    return a.first < b.first;
  });
  std::vector<std::string> parts;
  for (const auto& [key, value] : items) {
    parts.push_back(bare && key == default_key ? value : key + "=" + value);
  }
  return join(parts, ",");
}

std::vector<std::string> legacy_order(const config::Section& values, std::string_view letters) {
  std::vector<std::string> order;
  const auto drives = drives_of(values);
  for (const char letter : letters) {
    if (letter == 'c') {
      std::string disk = values.get("bootdisk");
      for (const auto& drive : drives) {
        if (disk.empty() && !drive.is_cdrom()) disk = drive.key;
      }
      if (!disk.empty()) order.push_back(disk);
    } else if (letter == 'd') {
      for (const auto& drive : drives) {
        if (drive.is_cdrom() && !drive.is_cloudinit()) order.push_back(drive.key);
      }
    } else if (letter == 'n') {
      for (const auto& card : nets_of(values)) order.push_back("net" + std::to_string(card.index));
    }
  }
  return order;
}

}  // namespace

bool Drive::is_cloudinit() const {
  return contains(volume, "-cloudinit") || (volume.size() > 10 && volume.ends_with(":cloudinit"));
}

std::string Drive::print() const {
  return print_sorted(options, "file", true);
}

Drive parse_drive(std::string_view key, std::string_view value) {
  const auto parts = wire::split_key(key);
  Drive drive{
      std::string(key), parts ? std::string(parts->kind) : std::string(), parts ? parts->index : 0, {}, {}};
  drive.options = wire::PropertyString::parse(value, "file");
  if (const auto volume = drive.options.get("volume")) {  // an alias of Proxmox's
    drive.options.remove("volume");
    drive.options.set("file", *volume);
  }
  drive.volume = drive.options.get_or("file", "");
  if (drive.volume.empty()) throw Error(Errc::usage, "unable to parse drive options for '{}'", key);
  if (drive.volume == "cdrom" || drive.volume == "none") drive.options.set("media", "cdrom");
  return drive;
}

bool is_disk_key(std::string_view key) {
  return wire::is_drive_key(key) || key == "efidisk0" || key == "tpmstate0";
}

std::vector<Drive> drives_of(const config::Section& values) {
  std::vector<Drive> drives;
  for (const auto& key : wire::drive_keys()) {
    if (const auto* value = values.find(key)) drives.push_back(parse_drive(key, *value));
  }
  return drives;
}

NetCard parse_net(std::string_view key, std::string_view value) {
  NetCard card;
  card.index = wire::split_key(key).value_or(wire::IndexedKey{"net", 0}).index;
  auto options = wire::PropertyString::parse(value, "model");
  if (const auto model = options.get("model")) card.model = *model;
  for (const auto& [name, mac] : options.items()) {
    if (is_model(name)) {
      card.model = name;
      card.mac = mac;
    }
  }
  if (!is_model(card.model))
    throw Error(Errc::usage, "unable to parse network config '{}': no known model", key);
  if (const auto mac = options.get("macaddr")) card.mac = *mac;
  options.remove("model");
  options.remove("macaddr");
  options.remove(card.model);
  card.bridge = options.get_or("bridge", "");
  card.queues = number(options, "queues").value_or(0);
  card.mtu = number(options, "mtu");
  card.tag = number(options, "tag");
  card.firewall = options.get_bool("firewall", false);
  card.link_down = options.get_bool("link_down", false);
  card.options = std::move(options);
  return card;
}

std::string NetCard::print() const {
  const std::string rest = print_sorted(options, {}, false);
  return model + (mac.empty() ? "" : "=" + mac) + (rest.empty() ? "" : "," + rest);
}

std::vector<NetCard> nets_of(const config::Section& values) {
  std::vector<NetCard> cards;
  for (int i = 0; i < 32; ++i) {
    const std::string key = "net" + std::to_string(i);
    if (const auto* value = values.find(key)) cards.push_back(parse_net(key, *value));
  }
  return cards;
}

std::string tap_name(int vmid, int index) {
  return fmt::format("tap{}i{}", vmid, index);
}

std::vector<std::string> boot_order(const config::Section& values) {
  const std::string* boot = values.find("boot");
  if (boot == nullptr) return legacy_order(values, "cdn");
  const auto options = wire::PropertyString::parse(*boot, "legacy");
  if (const auto order = options.get("order")) return split_list(*order, "; ");
  if (const auto letters = options.get("legacy")) return legacy_order(values, *letters);
  return {};  // a blank: made without any device
}

}  // namespace hlid::node::qemu
