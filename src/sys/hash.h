#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace hlid::sys {

/// Lower-case hexadecimal digests (FIPS 180-4).
std::string sha1_hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
std::string sha256_file(const std::filesystem::path& path);
/// Of `size` bytes from `offset`. Throws Error(io) when the file is shorter.
std::string sha256_part(const std::filesystem::path& path, std::int64_t offset, std::int64_t size);
/// By name: md5, sha1, sha224, sha256, sha384, sha512. Throws Error(usage) for another.
std::string digest_file(const std::filesystem::path& path, const std::string& algorithm);

}  // namespace hlid::sys
