// Where each device sits on the PCI buses: fixed, so that a guest finds its hardware in the same place for
// ever.
#pragma once

#include <string>
#include <string_view>

namespace hlid::node::qemu {

/// "bus=pci.0,addr=0x12" for a device id (net0, virtio3, scsihw0, balloon0, pci.1, …). Throws Error(usage)
/// for an id without a place.
std::string pci_address(std::string_view id);

}  // namespace hlid::node::qemu
