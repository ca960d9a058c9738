// What a request line asks for: "/api2/json/nodes/asgard/qemu?full=1".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hlid::node::http {

enum class Format { json, extjs, html, unknown };

struct Target {
  bool is_api = false;  ///< below /api2/FORMAT
  Format format = Format::unknown;
  std::string format_name;  ///< as written
  std::string path;         ///< decoded, after the format: "/nodes/asgard/qemu"
  std::string query;        ///< raw, without '?'
  std::string whole;        ///< decoded path from the root
};

/// The path is %-decoded before it is split, as Proxmox does.
Target parse_target(std::string_view raw);

}  // namespace hlid::node::http
