#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace hlid::net {

/// A multipart/form-data body (RFC 7578) as Proxmox takes it: plain fields, then one part with a file.
struct Multipart {
  Form fields;             ///< in the order of the body
  std::string part_name;   ///< of the file's part ("filename")
  std::string file_name;   ///< as the client calls it; empty when there is no file part
  std::int64_t begin = 0;  ///< where the file's bytes are in the body
  std::int64_t size = 0;
  bool has_file() const { return !part_name.empty(); }
};

/// The boundary of a Content-Type header; nullopt when it is not multipart/form-data with a valid one.
std::optional<std::string> multipart_boundary(std::string_view content_type);

/// The head of one part as far as forms need it.
struct PartHead {
  std::string name;
  std::string file_name;
  bool is_file = false;
};
/// The header lines of a part, without the blank line. nullopt without a Content-Disposition of form-data.
std::optional<PartHead> parse_part_head(std::string_view head);

/// Reads the body that was spooled to `file`; what follows the file's part is ignored. Fields are at most 64
/// KiB in all. Throws Error(protocol) for a body that breaks off or is not multipart.
Multipart read_multipart(const std::filesystem::path& file, const std::string& boundary);

/// Makes `target` of bytes [begin, begin + size) of `source` without reading them into memory
/// (copy_file_range).
void extract_range(const std::filesystem::path& source, std::int64_t begin, std::int64_t size,
                   const std::filesystem::path& target);

}  // namespace hlid::net
