#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hlid::wire {

/// A numbered configuration key such as net0, scsi3, ipconfig0.
struct IndexedKey {
  std::string_view kind;  ///< "net"
  int index = 0;
};

/// nullopt for keys without number.
std::optional<IndexedKey> split_key(std::string_view key);
/// ide0-3, sata0-5, scsi0-30, virtio0-15 (qemu-server, Drive.pm).
bool is_drive_key(std::string_view key);
bool is_net_key(std::string_view key);  ///< net0-31
/// Every drive key in Proxmox's order: ide, scsi, virtio, sata.
const std::vector<std::string>& drive_keys();

/// Tags as Proxmox stores them: joined by ';'. The reader takes any of ',', ';', blank as separator.
std::vector<std::string> parse_tags(std::string_view text);
std::string print_tags(const std::vector<std::string>& tags);

}  // namespace hlid::wire
