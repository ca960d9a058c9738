// Proxmox's named formats (pve-common JSONSchema.pm register_format, and those that qemu-server, pve-storage
// and pve-access-control add).
#pragma once

#include <string>
#include <string_view>

namespace hlid::node::service {

/// Empty when `text` is of that format, or else Proxmox's text, with the newline that it ends with. Takes the
/// suffixes -list (items split at , ; and blanks) and -opt (may be empty). A name that is not known accepts
/// all.
std::string format_problem(std::string_view format, std::string_view text);

/// std::regex on the whole text; no match for absurdly long texts (its matcher recurses).
bool matches(std::string_view text, const std::string& pattern);

}  // namespace hlid::node::service
