// The two kinds of configuration value that name a device and a resource: drives and network cards.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/config/vm_config.h"
#include "wire/property_string.h"

namespace hlid::node::qemu {

/// `scsi0: local:100/vm-100-disk-0.raw,size=1G`. The volume is a volume id, an absolute path, `none` or
/// `cdrom`.
struct Drive {
  std::string key;  // scsi0
  std::string bus;  // scsi
  int index = 0;
  std::string volume;
  wire::PropertyString options;  // all, with the volume under "file"

  bool is_cdrom() const { return options.get_or("media", "disk") == "cdrom"; }
  bool is_empty() const { return volume == "none"; }
  /// A cloud-init drive: a CD whose volume is named vm-ID-cloudinit (or which is still to be made:
  /// STORAGE:cloudinit).
  bool is_cloudinit() const;
  std::string print() const;
};

/// Throws Error(usage) for a value that is no property string or names no volume.
Drive parse_drive(std::string_view key, std::string_view value);
/// Also efidisk0 and tpmstate0.
bool is_disk_key(std::string_view key);
/// All drives of ide, scsi, virtio, sata in Proxmox's order.
std::vector<Drive> drives_of(const config::Section& values);

/// `net0: virtio=BC:24:11:…,bridge=vmbr0`; `model=virtio,macaddr=…` is the same.
struct NetCard {
  int index = 0;
  std::string model;
  std::string mac;     // as written; empty when none was given
  std::string bridge;  // empty: user network of QEMU's own
  int queues = 0;      // 0: one queue
  std::optional<int> mtu;
  std::optional<int> tag;
  bool firewall = false;
  bool link_down = false;
  wire::PropertyString options;  // all, normalised to model=mac first

  /// With the sub-keys in Proxmox's order.
  std::string print() const;
};

/// Throws Error(usage) when there is no model.
NetCard parse_net(std::string_view key, std::string_view value);
std::vector<NetCard> nets_of(const config::Section& values);
/// "tap100i0"
std::string tap_name(int vmid, int index);

/// The devices of `boot: order=a;b`, or what the legacy letters (`boot: cdn`, `bootdisk:`) come to.
std::vector<std::string> boot_order(const config::Section& values);

}  // namespace hlid::node::qemu
