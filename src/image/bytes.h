#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace hlid::image {

/// Little-endian numbers within on-disk structures; `at` and `width` must lie inside.
void put_le(std::string& bytes, std::size_t at, std::size_t width, std::uint64_t value);
std::uint64_t get_le(std::string_view bytes, std::size_t at, std::size_t width);

/// Parts of an existing image file. Throw Error(io), also when the file ends before.
void write_at(const std::filesystem::path& image, std::int64_t offset, std::string_view bytes);
std::string read_at(const std::filesystem::path& image, std::int64_t offset, std::size_t count);

}  // namespace hlid::image
