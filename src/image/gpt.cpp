#include "image/gpt.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "base/error.h"
#include "base/text.h"
#include "image/bytes.h"

namespace hlid::image {
namespace {

constexpr std::size_t kEntrySize = 128;
constexpr std::size_t kEntryCount = 128;
constexpr std::size_t kHeaderSize = 92;
constexpr std::int64_t kHeadSectors = 34;
constexpr std::int64_t kTailSectors = 33;

/// A GUID as the specification stores it: the first three groups little-endian.
std::string guid_bytes(const std::string& text) {
  std::string hex = replace_all(text, "-", "");
  if (!parse_uuid(text) || hex.size() != 32) throw Error(Errc::usage, "'{}' is not a GUID", text);
  std::string bytes;
  for (std::size_t i = 0; i < 32; i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  std::reverse(bytes.begin(), bytes.begin() + 4);
  std::reverse(bytes.begin() + 4, bytes.begin() + 6);
  std::reverse(bytes.begin() + 6, bytes.begin() + 8);
  return bytes;
}

std::string guid_text(std::string bytes) {
  std::reverse(bytes.begin(), bytes.begin() + 4);
  std::reverse(bytes.begin() + 4, bytes.begin() + 6);
  std::reverse(bytes.begin() + 6, bytes.begin() + 8);
  auto text = hex_encode(bytes);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, "-");
  return text;
}

std::string entries_of(const std::vector<Partition>& partitions) {
  std::string entries(kEntrySize * kEntryCount, '\0');
  std::size_t at = 0;
  for (const auto& partition : partitions) {
    entries.replace(at, 16, guid_bytes(partition.type));
    entries.replace(at + 16, 16, guid_bytes(partition.id.text));
    const auto first = partition.start.count / kSectorSize;
    put_le(entries, at + 32, 8, static_cast<std::uint64_t>(first));
    put_le(entries, at + 40, 8, static_cast<std::uint64_t>(first + partition.size.count / kSectorSize - 1));
    for (std::size_t i = 0; i < std::min<std::size_t>(partition.name.size(), 36); ++i)
      entries[at + 56 + 2 * i] = partition.name[i];  // UTF-16LE of ASCII
    at += kEntrySize;
  }
  return entries;
}

std::string header_of(std::int64_t own, std::int64_t other, std::int64_t entries_at, std::int64_t sectors,
                      const Uuid& disk_id, const std::string& entries) {
  std::string header(static_cast<std::size_t>(kSectorSize), '\0');
  header.replace(0, 8, "EFI PART");
  put_le(header, 8, 4, 0x00010000);  // revision 1.0
  put_le(header, 12, 4, kHeaderSize);
  put_le(header, 24, 8, static_cast<std::uint64_t>(own));
  put_le(header, 32, 8, static_cast<std::uint64_t>(other));
  put_le(header, 40, 8, static_cast<std::uint64_t>(kHeadSectors));
  put_le(header, 48, 8, static_cast<std::uint64_t>(sectors - kTailSectors - 1));
  header.replace(56, 16, guid_bytes(disk_id.text));
  put_le(header, 72, 8, static_cast<std::uint64_t>(entries_at));
  put_le(header, 80, 4, kEntryCount);
  put_le(header, 84, 4, kEntrySize);
  put_le(header, 88, 4, crc32(entries));
  put_le(header, 16, 4, crc32(std::string_view(header).substr(0, kHeaderSize)));
  return header;
}

std::string protective_mbr(std::int64_t sectors) {
  std::string mbr(static_cast<std::size_t>(kSectorSize), '\0');
  const std::size_t entry = 446;
  put_le(mbr, entry + 1, 3, 0x000200);  // first CHS: 0/0/2
  mbr[entry + 4] = '\xee';
  put_le(mbr, entry + 5, 3, 0xffffff);
  put_le(mbr, entry + 8, 4, 1);
  put_le(mbr, entry + 12, 4, static_cast<std::uint64_t>(std::min<std::int64_t>(sectors - 1, 0xffffffff)));
  put_le(mbr, 510, 2, 0xaa55);
  return mbr;
}

void check_layout(Bytes disk, std::vector<Partition> partitions) {
  if (disk.count % kSectorSize != 0)
    throw Error(Errc::usage, "a disk of {} bytes is not whole sectors", disk.count);
  if (partitions.size() > kEntryCount)
    throw Error(Errc::usage, "{} partitions are too many", partitions.size());
  std::ranges::sort(partitions, {}, [](const Partition& p) { return p.start; });
  std::int64_t free_from = kHeadSectors * kSectorSize;
  for (const auto& partition : partitions) {
    if (partition.start.count % kSectorSize != 0 || partition.size.count % kSectorSize != 0 ||
        partition.size.count <= 0)
      throw Error(Errc::usage, "partition '{}' is not whole sectors", partition.name);
    if (partition.start.count < free_from)
      throw Error(Errc::usage, "partition '{}' begins where another part of the disk is", partition.name);
    free_from = partition.start.count + partition.size.count;
  }
  if (free_from > disk.count - kTailSectors * kSectorSize)
    throw Error(Errc::usage, "the partitions need more than the disk's {}", to_string(disk));
}

Partition partition_from(std::string_view entry) {
  const auto first = static_cast<std::int64_t>(get_le(entry, 32, 8));
  const auto last = static_cast<std::int64_t>(get_le(entry, 40, 8));
  Partition partition{.type = guid_text(std::string(entry.substr(0, 16))),
                      .id = {guid_text(std::string(entry.substr(16, 16)))},
                      .start = {first * kSectorSize},
                      .size = {(last - first + 1) * kSectorSize}};
  for (std::size_t at = 56; at < kEntrySize && entry[at] != '\0'; at += 2)
    partition.name.push_back(entry[at]);
  return partition;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xffU];
  return ~crc;
}

PartitionTable make_gpt(Bytes disk, const Uuid& disk_id, const std::vector<Partition>& partitions) {
  check_layout(disk, partitions);
  const auto sectors = disk.count / kSectorSize;
  const auto entries = entries_of(partitions);
  return {.head = protective_mbr(sectors) + header_of(1, sectors - 1, 2, sectors, disk_id, entries) + entries,
          .tail = entries + header_of(sectors - 1, 1, sectors - kTailSectors, sectors, disk_id, entries)};
}

void write_gpt(const std::filesystem::path& image, Bytes disk, const Uuid& disk_id,
               const std::vector<Partition>& partitions) {
  const auto table = make_gpt(disk, disk_id, partitions);
  write_at(image, 0, table.head);
  write_at(image, disk.count - kTailSectors * kSectorSize, table.tail);
}

std::vector<Partition> read_gpt(const std::filesystem::path& image) {
  const auto head = read_at(image, 0, static_cast<std::size_t>(kHeadSectors * kSectorSize));
  auto header = head.substr(512, kHeaderSize);
  if (header.substr(0, 8) != "EFI PART")
    throw Error(Errc::protocol, "'{}' has no partition table", image.string());
  const auto checksum = get_le(header, 16, 4);
  put_le(header, 16, 4, 0);
  const auto entries = std::string_view(head).substr(1024);
  if (crc32(header) != checksum || crc32(entries) != get_le(header, 88, 4))
    throw Error(Errc::protocol, "the partition table of '{}' has a wrong checksum", image.string());
  std::vector<Partition> partitions;
  for (std::size_t at = 0; at < entries.size(); at += kEntrySize)
    if (const auto entry = entries.substr(at, kEntrySize); entry.substr(0, 16) != std::string(16, '\0'))
      partitions.push_back(partition_from(entry));
  return partitions;
}

}  // namespace hlid::image
