#include "drive/folders.h"

namespace hlid::drive {

LabFolder lab_folder(const std::filesystem::path& home, const std::string& lab) {
  return {home / "labs" / lab};
}

std::filesystem::path template_cache(const std::filesystem::path& home) {
  return home / "cache" / "templates";
}

std::filesystem::path release_cache(const std::filesystem::path& home) {
  return home / "cache" / "releases";
}

std::filesystem::path disc_scratch(const std::filesystem::path& home) {
  return home / "cache" / "discs";
}

NodeFolder node_folder(const std::filesystem::path& home, const std::string& node) {
  return {home / "nodes" / node};
}

}  // namespace hlid::drive
