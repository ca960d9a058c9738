#pragma once
#include <filesystem>
#include <map>
#include <string>

namespace hlid::test {

/// What lies on an ISO 9660 disc with Rock Ridge names, read by a decoder of our own (ECMA-119, IEEE P1282)
/// so that discs are not checked with the library that wrote them.
struct IsoDisc {
  std::string volume_id;
  bool has_joliet = false;
  std::map<std::string, std::string> files;  ///< path → content
};

/// Throws std::runtime_error for what is no such disc.
IsoDisc read_iso(const std::filesystem::path& path);

}  // namespace hlid::test
