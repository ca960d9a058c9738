#include "node/storage/qcow2.h"

#include <fcntl.h>
#include <unistd.h>

#include <string_view>

#include "base/error.h"
#include "sys/unique_fd.h"

// An image is a header cluster, a table of tables of reference counts, and a table (L1) of tables (L2) of
// clusters. A new one holds exactly: cluster 0 the header, 1 the reference count table, 2 the one reference
// count block, from 3 on the L1 table, all zero: no cluster is allocated, so every read falls through to the
// backing file.
namespace hlid::node::storage {
namespace {

constexpr std::string_view kMagic = "QFI\xfb";
constexpr std::uint32_t kClusterBits = 16;
constexpr std::uint64_t kCluster = 1U << kClusterBits;
constexpr std::uint64_t kBytesPerL1Entry = kCluster * (kCluster / 8);
constexpr std::size_t kHeaderSize = 104;
constexpr std::uint32_t kBackingFormat = 0xE2792ACA;
constexpr std::uint64_t kExternalData = 1U << 2;
constexpr std::size_t kMaxBacking = 1023;

class Writer {
 public:
  explicit Writer(std::string& bytes) : bytes_(bytes) {}
  template <typename Number>
  Writer& put(Number value) {
    for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8)
      bytes_ += static_cast<char>(value >> shift & 0xFFU);
    return *this;
  }

 private:
  std::string& bytes_;
};

template <typename Number>
Number get(std::string_view bytes, std::size_t at) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value = static_cast<Number>(value << 8U | static_cast<unsigned char>(bytes[at + i]));
  return value;
}

std::string read_at(int fd, std::size_t offset, std::size_t count) {
  std::string bytes(count, '\0');
  const auto got = ::pread(fd, bytes.data(), count, static_cast<off_t>(offset));
  if (got < 0) throw system_error("cannot read an image");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

std::string header_text(Bytes size, std::uint32_t l1_entries, const std::string& backing,
                        const std::string& backing_format) {
  std::string extension;
  if (!backing.empty()) {
    Writer(extension).put(kBackingFormat).put(static_cast<std::uint32_t>(backing_format.size()));
    extension += backing_format;
    extension.resize((extension.size() + 7) / 8 * 8, '\0');
  }
  Writer(extension).put(std::uint32_t{0}).put(std::uint32_t{0});
  const std::uint64_t backing_at = backing.empty() ? 0 : kHeaderSize + extension.size();
  std::string text(kMagic);
  Writer(text)
      .put(std::uint32_t{3})
      .put(backing_at)
      .put(static_cast<std::uint32_t>(backing.size()))
      .put(kClusterBits)
      .put(static_cast<std::uint64_t>(size.count))
      .put(std::uint32_t{0})  // no encryption
      .put(l1_entries)
      .put(3 * kCluster)      // L1 table
      .put(kCluster)          // reference count table
      .put(std::uint32_t{1})  // of one cluster
      .put(std::uint32_t{0})  // snapshots
      .put(std::uint64_t{0})
      .put(std::uint64_t{0})  // incompatible, compatible, autoclear features
      .put(std::uint64_t{0})
      .put(std::uint64_t{0})
      .put(std::uint32_t{4})  // reference counts of 16 bits
      .put(static_cast<std::uint32_t>(kHeaderSize));
  return text + extension + backing;
}

void write_at(int fd, std::uint64_t offset, const std::string& bytes) {
  if (::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) !=
      static_cast<ssize_t>(bytes.size()))
    throw system_error("cannot write an image");
}

}  // namespace

std::optional<Qcow2Header> read_qcow2_header(const std::filesystem::path& file) {
  const sys::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw system_error("cannot open '" + file.string() + "'");
  const auto head = read_at(fd.get(), 0, kHeaderSize);
  if (head.size() < 72 || std::string_view(head).substr(0, 4) != kMagic) return std::nullopt;
  const auto version = get<std::uint32_t>(head, 4);
  if (version < 2 || version > 3 || (version == 3 && head.size() < kHeaderSize)) return std::nullopt;
  Qcow2Header header;
  header.size.count = static_cast<std::int64_t>(get<std::uint64_t>(head, 24));
  header.snapshots = static_cast<int>(get<std::uint32_t>(head, 60));
  header.external_data = version == 3 && (get<std::uint64_t>(head, 72) & kExternalData) != 0;
  const auto backing_at = get<std::uint64_t>(head, 8);
  const auto backing_size = get<std::uint32_t>(head, 16);
  if (header.size.count < 0 || backing_size > kMaxBacking || backing_at > kCluster * 32) return std::nullopt;
  if (backing_at != 0 && backing_size != 0) {
    header.backing_file = read_at(fd.get(), backing_at, backing_size);
    if (header.backing_file.size() != backing_size) return std::nullopt;
  }
  return header;
}

bool reads_from(const std::filesystem::path& image, const std::filesystem::path& base) {
  auto file = image;
  for (int depth = 0; depth < 16; ++depth) {
    std::error_code ignored;
    if (file.extension() != ".qcow2" || !std::filesystem::exists(file, ignored)) return false;
    const auto header = read_qcow2_header(file);
    if (!header || header->backing_file.empty()) return false;
    file = (file.parent_path() / header->backing_file).lexically_normal();
    if (file == base.lexically_normal()) return true;
  }
  return false;
}

Bytes image_size(const std::filesystem::path& file, const std::string& format) {
  if (format == "qcow2")
    if (const auto header = read_qcow2_header(file)) return header->size;
  return {static_cast<std::int64_t>(std::filesystem::file_size(file))};
}

void create_qcow2(const std::filesystem::path& file, Bytes size, const std::string& backing_file,
                  const std::string& backing_format) {
  if (backing_file.size() > kMaxBacking) throw Error(Errc::usage, "the path '{}' is too long", backing_file);
  const auto bytes = static_cast<std::uint64_t>(size.count);
  const auto entries = (bytes + kBytesPerL1Entry - 1) / kBytesPerL1Entry;
  const auto l1_clusters = std::max<std::uint64_t>(1, (entries * 8 + kCluster - 1) / kCluster);
  if (l1_clusters > 64) throw Error(Errc::usage, "the image size is too large for file format 'qcow2'");
  const sys::UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) throw system_error("cannot create '" + file.string() + "'");
  const auto clusters = 3 + l1_clusters;
  if (::ftruncate(fd.get(), static_cast<off_t>(clusters * kCluster)) != 0)
    throw system_error("cannot create '" + file.string() + "'");
  write_at(fd.get(), 0, header_text(size, static_cast<std::uint32_t>(entries), backing_file, backing_format));
  std::string table, counts;
  Writer(table).put(2 * kCluster);
  for (std::uint64_t i = 0; i < clusters; ++i) Writer(counts).put(std::uint16_t{1});
  write_at(fd.get(), kCluster, table);
  write_at(fd.get(), 2 * kCluster, counts);
}

}  // namespace hlid::node::storage
