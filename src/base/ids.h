#pragma once
#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hlid {

/// A guest's number: 100 to 999999999 (Proxmox, pve-vmid).
struct Vmid {
  int value = 0;
  auto operator<=>(const Vmid&) const = default;
};

std::optional<Vmid> parse_vmid(std::string_view text);
std::string to_string(Vmid vmid);

/// A UUID in its text form, lower case.
struct Uuid {
  std::string text;
  auto operator<=>(const Uuid&) const = default;
};

std::optional<Uuid> parse_uuid(std::string_view text);
/// RFC 4122, section 4.3, version 5 (SHA-1) in the namespace `space`.
Uuid uuid_v5(const Uuid& space, std::string_view name);
/// The SMBIOS UUID that proves a machine ours: UUIDv5 of "<cluster>/<machine>" in the project's namespace.
Uuid machine_uuid(std::string_view cluster, std::string_view machine);

}  // namespace hlid

template <>
struct std::hash<hlid::Vmid> {
  std::size_t operator()(hlid::Vmid vmid) const noexcept { return std::hash<int>{}(vmid.value); }
};
