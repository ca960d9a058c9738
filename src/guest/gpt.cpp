#include "guest/gpt.h"

#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

namespace hlid::guest {
namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kAlign = 2048;  // sectors, 1 MiB: the end of the file system's last whole block

/// The GPT header as it lies on the disk (UEFI 2.10, table 5.5).
struct __attribute__((packed)) Header {
  char signature[8];
  std::uint32_t revision, header_size, header_crc, reserved;
  std::uint64_t own_sector, other_sector, first_usable, last_usable;
  unsigned char disk_guid[16];
  std::uint64_t entries_sector;
  std::uint32_t entry_count, entry_size, entries_crc;
};
static_assert(sizeof(Header) == 92);

struct __attribute__((packed)) Entry {
  unsigned char type[16], guid[16];
  std::uint64_t first, last, flags;
  char name[72];
};
static_assert(sizeof(Entry) == 128);

std::uint32_t crc32(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::uint32_t crc = ~0U;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

bool read_at(int fd, void* to, std::size_t size, std::uint64_t sector) {
  return ::pread(fd, to, size, static_cast<off_t>(sector * kSector)) == static_cast<ssize_t>(size);
}

bool write_at(int fd, const void* from, std::size_t size, std::uint64_t sector) {
  return ::pwrite(fd, from, size, static_cast<off_t>(sector * kSector)) == static_cast<ssize_t>(size);
}

/// A table in memory.
class Table {
 public:
  bool read(int fd) {
    if (!read_at(fd, &header_, sizeof header_, 1)) return false;
    if (std::memcmp(header_.signature, "EFI PART", 8) != 0 || header_.header_size != sizeof header_)
      return false;
    if (header_.entry_size != sizeof(Entry) || header_.entry_count == 0 || header_.entry_count > 128)
      return false;
    Header check = header_;
    check.header_crc = 0;
    if (crc32(&check, sizeof check) != header_.header_crc) return false;
    entries_.resize(header_.entry_count);
    return read_at(fd, entries_.data(), entries_bytes(), header_.entries_sector) &&
           crc32(entries_.data(), entries_bytes()) == header_.entries_crc;
  }

  Entry* entry(int number) {
    if (number < 1 || static_cast<std::size_t>(number) > entries_.size()) return nullptr;
    Entry& found = entries_[static_cast<std::size_t>(number - 1)];
    return found.first == 0 ? nullptr : &found;
  }

  bool is_last(const Entry& one) const {
    for (const auto& other : entries_)
      if (other.first > one.first) return false;
    return true;
  }

  std::uint64_t set_disk_size(std::uint64_t sectors) {
    header_.last_usable = sectors - 2 - entries_sectors();
    return header_.last_usable;
  }

  bool write(int fd, std::uint64_t sectors) {
    header_.entries_crc = crc32(entries_.data(), entries_bytes());
    return write_copy(fd, sectors - 1, 1, sectors - 1 - entries_sectors()) && ::fsync(fd) == 0 &&
           write_copy(fd, 1, sectors - 1, 2) && ::fsync(fd) == 0;
  }

 private:
  std::size_t entries_bytes() const { return entries_.size() * sizeof(Entry); }
  std::uint64_t entries_sectors() const { return (entries_bytes() + kSector - 1) / kSector; }

  bool write_copy(int fd, std::uint64_t own, std::uint64_t other, std::uint64_t entries) {
    Header copy = header_;
    copy.own_sector = own;
    copy.other_sector = other;
    copy.entries_sector = entries;
    copy.header_crc = 0;
    copy.header_crc = crc32(&copy, sizeof copy);
    std::array<char, kSector> sector{};
    std::memcpy(sector.data(), &copy, sizeof copy);
    return write_at(fd, entries_.data(), entries_bytes(), entries) &&
           write_at(fd, sector.data(), kSector, own);
  }

  Header header_{};
  std::vector<Entry> entries_;
};

}  // namespace

std::optional<Partition> grow_partition(int fd, int number, std::uint64_t sectors, std::string& why) {
  Table table;
  if (!table.read(fd)) {
    why = "no GUID partition table that can be grown";
    return std::nullopt;
  }
  Entry* entry = table.entry(number);
  if (entry == nullptr || !table.is_last(*entry)) {
    why = "partition " + std::to_string(number) + " is not the last one";
    return std::nullopt;
  }
  const std::uint64_t last_usable = table.set_disk_size(sectors);
  const std::uint64_t last = (last_usable + 1) / kAlign * kAlign - 1;
  if (last <= entry->last) return Partition{entry->first, entry->last - entry->first + 1};
  entry->last = last;
  if (!table.write(fd, sectors)) {
    why = "the partition table could not be written";
    return std::nullopt;
  }
  return Partition{entry->first, entry->last - entry->first + 1};
}

}  // namespace hlid::guest
