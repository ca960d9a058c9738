#include "cluster/ustar.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "sys/unique_fd.h"

namespace hlid::cluster {
namespace {

constexpr std::size_t kBlock = 512;
using Block = std::array<char, kBlock>;

sys::UniqueFd open_archive(const std::filesystem::path& path) {
  sys::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) throw Error(Errc::not_found, "there is no file '{}'", path.string());
  if (!fd) throw system_error("cannot open '" + path.string() + "'");
  return fd;
}

Error damaged(const std::filesystem::path& path, std::string_view how) {
  return Error(Errc::protocol, "'{}' is no whole archive: {}", path.string(), how);
}

/// False at the end of the file.
bool read_block(int fd, std::int64_t offset, Block& block, const std::filesystem::path& path) {
  std::size_t have = 0;
  while (have < kBlock) {
    const auto got = ::pread(fd, block.data() + have, kBlock - have, offset + static_cast<off_t>(have));
    if (got < 0) throw system_error("cannot read '" + path.string() + "'");
    if (got == 0) return false;
    have += static_cast<std::size_t>(got);
  }
  return true;
}

std::string_view field(const Block& block, std::size_t at, std::size_t length) {
  const std::string_view text(block.data() + at, length);
  return text.substr(0, std::min(text.find('\0'), text.size()));
}

std::optional<std::int64_t> octal(std::string_view text) {
  std::int64_t value = 0;
  bool any = false;
  for (const char c : text) {
    if (c == ' ') continue;
    if (c < '0' || c > '7' || value > (std::int64_t{1} << 58)) return std::nullopt;
    value = value * 8 + (c - '0');
    any = true;
  }
  return any ? std::optional(value) : std::nullopt;
}

/// The sum of the header's bytes, its own field taken as blanks.
bool sum_is_right(const Block& block) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return octal(field(block, 148, 8)) == sum;
}

std::string name_in(const Block& block) {
  const auto prefix = field(block, 345, 155);
  const std::string name(field(block, 0, 100));
  return prefix.empty() ? name : std::string(prefix) + "/" + name;
}

}  // namespace

std::vector<ArchivePart> read_archive(const std::filesystem::path& path) {
  const auto fd = open_archive(path);
  std::vector<ArchivePart> parts;
  Block block{};
  for (std::int64_t at = 0;;) {
    if (!read_block(fd.get(), at, block, path)) throw damaged(path, "it ends without its end mark");
    if (std::all_of(block.begin(), block.end(), [](char c) { return c == '\0'; })) return parts;
    const auto size = octal(field(block, 124, 12));
    if (field(block, 257, 5) != "ustar" || !size || !sum_is_right(block))
      throw damaged(path, "a header is not right");
    at += static_cast<std::int64_t>(kBlock);
    if (block[156] == '0' || block[156] == '\0') parts.push_back({name_in(block), at, *size});
    const auto blocks = (*size + static_cast<std::int64_t>(kBlock) - 1) / static_cast<std::int64_t>(kBlock);
    at += blocks * static_cast<std::int64_t>(kBlock);
  }
}

std::string read_part(const std::filesystem::path& path, const ArchivePart& part, std::int64_t most) {
  if (part.size > most)
    throw Error(Errc::protocol, "'{}' in '{}' is larger than it can be", part.name, path.string());
  const auto fd = open_archive(path);
  std::string bytes(static_cast<std::size_t>(part.size), '\0');
  for (std::size_t have = 0; have < bytes.size();) {
    const auto got =
        ::pread(fd.get(), bytes.data() + have, bytes.size() - have, part.offset + static_cast<off_t>(have));
    if (got < 0) throw system_error("cannot read '" + path.string() + "'");
    if (got == 0) throw damaged(path, "it ends within '" + part.name + "'");
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

void extract_part(const std::filesystem::path& path, const ArchivePart& part,
                  const std::filesystem::path& to) {
  const sys::UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) throw system_error("cannot create '" + to.string() + "'");
  constexpr std::int64_t kPiece = 1 << 20;
  for (std::int64_t done = 0; done < part.size; done += kPiece) {
    const ArchivePart piece{part.name, part.offset + done, std::min(kPiece, part.size - done)};
    const auto bytes = read_part(path, piece, kPiece);
    for (std::size_t written = 0; written < bytes.size();) {
      const auto put = ::write(out.get(), bytes.data() + written, bytes.size() - written);
      if (put < 0) throw system_error("cannot write '" + to.string() + "'");
      written += static_cast<std::size_t>(put);
    }
  }
}

}  // namespace hlid::cluster
