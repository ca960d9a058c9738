#include "node/qemu/pci_address.h"

#include <array>

#include "base/error.h"
#include "wire/vm_keys.h"

namespace hlid::node::qemu {
namespace {

struct Single {
  std::string_view id;
  int bus;
  int address;
};
// Proxmox VE's layout, so that a machine moved between the two keeps its hardware's addresses.
constexpr std::array kSingles = {
    Single{"vga", 0, 2},     Single{"balloon0", 0, 3}, Single{"watchdog", 0, 4}, Single{"scsihw0", 0, 5},
    Single{"pci.3", 0, 5},   Single{"scsihw1", 0, 6},  Single{"ahci0", 0, 7},    Single{"qga0", 0, 8},
    Single{"spice", 0, 9},   Single{"pci.1", 0, 30},   Single{"pci.2", 0, 31},   Single{"xhci", 1, 27},
    Single{"pci.4", 1, 28},  Single{"rng0", 1, 29},    Single{"audio0", 2, 12},  Single{"scsihw2", 4, 1},
    Single{"scsihw3", 4, 2}, Single{"scsihw4", 4, 3},
};

struct Range {  // ids KIND first..last are at address, address + 1, …
  std::string_view kind;
  int first;
  int last;
  int bus;
  int address;
};
constexpr std::array kRanges = {
    Range{"virtio", 0, 5, 0, 10}, Range{"net", 0, 5, 0, 18},        Range{"net", 6, 31, 1, 1},
    Range{"virtio", 6, 15, 2, 1}, Range{"virtioscsi", 0, 30, 3, 1},
};

}  // namespace

std::string pci_address(std::string_view id) {
  for (const auto& single : kSingles) {
    if (single.id == id) return fmt::format("bus=pci.{},addr={:#x}", single.bus, single.address);
  }
  if (const auto key = wire::split_key(id)) {
    for (const auto& range : kRanges) {
      if (range.kind == key->kind && key->index >= range.first && key->index <= range.last) {
        return fmt::format("bus=pci.{},addr={:#x}", range.bus, range.address + key->index - range.first);
      }
    }
  }
  throw Error(Errc::usage, "no PCI address for device '{}'", id);
}

}  // namespace hlid::node::qemu
