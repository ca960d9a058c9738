#include "image/bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace hlid::image {

void put_le(std::string& bytes, std::size_t at, std::size_t width, std::uint64_t value) {
  for (std::size_t i = 0; i < width; ++i) bytes.at(at + i) = static_cast<char>((value >> (8 * i)) & 0xff);
}

std::uint64_t get_le(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes.at(at + i))) << (8 * i);
  return value;
}

void write_at(const std::filesystem::path& image, std::int64_t offset, std::string_view bytes) {
  const sys::UniqueFd file(::open(image.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) throw system_error("cannot open '" + image.string() + "'");
  while (!bytes.empty()) {
    const auto written = ::pwrite(file.get(), bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("cannot write to '" + image.string() + "'");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += written;
  }
}

std::string read_at(const std::filesystem::path& image, std::int64_t offset, std::size_t count) {
  const sys::UniqueFd file(::open(image.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw system_error("cannot open '" + image.string() + "'");
  std::string bytes(count, '\0');
  for (std::size_t filled = 0; filled < count;) {
    const auto got = ::pread(file.get(), bytes.data() + filled, count - filled,
                             offset + static_cast<std::int64_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("cannot read '" + image.string() + "'");
    if (got == 0)
      throw Error(Errc::io, "'{}' ends before byte {}", image.string(),
                  offset + static_cast<std::int64_t>(count));
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace hlid::image
