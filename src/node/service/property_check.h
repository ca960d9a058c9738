// Property strings ("virtio=BC:24:…,bridge=vmbr0") checked against their format (pve-common, JSONSchema.pm
// parse_property_string).
#pragma once

#include <string>
#include <string_view>

namespace hlid::node::service {

/// Empty when `text` is right for the format, which may name a property string ("@net", "pve-qm-boot") or a
/// plain format; otherwise Proxmox's text, where nested problems read "format error\nnet0.model: …\n".
std::string property_format_problem(std::string_view format, const std::string& text,
                                    const std::string& path);

}  // namespace hlid::node::service
