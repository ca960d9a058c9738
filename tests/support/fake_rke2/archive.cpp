// Reads manifest.json out of an archive of images.
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "support/fake_rke2/images.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

constexpr std::size_t kMost = 256U << 20;

std::string unzstd(const std::string& packed) {
  std::string out;
  std::string piece(ZSTD_DStreamOutSize(), '\0');
  ZSTD_DStream* stream = ZSTD_createDStream();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t left = 1;
  while (in.pos < in.size && out.size() < kMost) {
    ZSTD_outBuffer to{piece.data(), piece.size(), 0};
    left = ZSTD_decompressStream(stream, &to, &in);
    if (ZSTD_isError(left)) break;
    out.append(piece, 0, to.pos);
  }
  ZSTD_freeDStream(stream);
  if (left != 0) throw Error(Errc::protocol, "invalid zstd data");
  return out;
}

std::string gunzip(const fs::path& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw Error(Errc::io, "open {}", path.string());
  std::string out;
  char piece[65536];
  int count = 0;
  while (out.size() < kMost && (count = gzread(file, piece, sizeof piece)) > 0)
    out.append(piece, static_cast<std::size_t>(count));
  gzclose(file);
  if (count < 0) throw Error(Errc::protocol, "invalid gzip data");
  return out;
}

std::string unpacked(const fs::path& path) {
  const auto name = path.filename().string();
  if (name.ends_with(".zst")) return unzstd(sys::read_file(path, kMost));
  if (name.ends_with(".gz")) return gunzip(path);
  return sys::read_file(path, kMost);
}

/// A member of a tar archive (POSIX ustar: 512-byte headers, name at 0, size in octal at 124).
std::string member_of(const std::string& tar, std::string_view wanted) {
  for (std::size_t at = 0; at + 512 <= tar.size() && tar[at] != '\0';) {
    std::string name(tar.c_str() + at,
                     std::min<std::size_t>(100, std::char_traits<char>::length(tar.c_str() + at)));
    if (name.starts_with("./")) name.erase(0, 2);
    const auto size = static_cast<std::size_t>(std::strtoul(tar.substr(at + 124, 12).c_str(), nullptr, 8));
    if (name == wanted) return tar.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  throw Error(Errc::protocol, "no {} in the archive", wanted);
}

}  // namespace

std::vector<std::string> images_in(const fs::path& archive) {
  const auto manifest = parse_json(member_of(unpacked(archive), "manifest.json"), archive.string());
  std::vector<std::string> out;
  for (const auto& image : manifest.as_array())
    for (const auto& tag : image.at("RepoTags").as_array()) out.emplace_back(tag.as_string());
  return out;
}

}  // namespace hlid::fake_rke2
