#include "support/fake_rke2/release.h"

#include <cstdlib>
#include <fstream>

#include "base/text.h"

namespace hlid::fake_rke2 {
namespace {

constexpr std::string_view kMark = "\nFAKE-RKE2-VERSION=";

std::string read_version() {
  std::ifstream self("/proc/self/exe", std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::streamoff>(self.tellg());
  const std::streamoff tail = 128;
  self.seekg(size > tail ? size - tail : 0);
  const std::string end((std::istreambuf_iterator<char>(self)), std::istreambuf_iterator<char>());
  if (const auto at = end.rfind(kMark); at != std::string::npos)
    return std::string(trim(std::string_view(end).substr(at + kMark.size())));
  if (const char* given = std::getenv("RKE2_FAKE_VERSION")) return given;  // NOLINT(concurrency-mt-unsafe)
  return "v0.0.0+rke2r1";
}

}  // namespace

const std::string& version() {
  static const std::string text = read_version();
  return text;
}

std::string image_tag() {
  return replace_all(version(), "+", "-");
}

int minor_version() {
  const auto parts = split(version(), '.');
  return parts.size() > 1 ? std::atoi(parts[1].c_str()) : 0;
}

}  // namespace hlid::fake_rke2
