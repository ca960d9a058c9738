#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace hlid::sys {

/// Lower-case hexadecimal digests (FIPS 180-4).
std::string sha1_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
std::string sha256_file(const std::filesystem::path& path);

}  // namespace hlid::sys
