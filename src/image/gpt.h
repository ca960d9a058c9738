#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/units.h"

namespace hlid::image {

/// GUID partition tables (UEFI specification 2.10, chapter 5), 512-byte sectors, with a protective MBR.
constexpr std::int64_t kSectorSize = 512;

struct Partition {
  std::string type;  ///< partition type GUID
  Uuid id;           ///< unique partition GUID (PARTUUID)
  std::string name;  ///< ASCII, 36 characters at most
  Bytes start;
  Bytes size;
};

constexpr const char* kBiosBootType = "21686148-6449-6e6f-744e-656564454649";
constexpr const char* kEfiSystemType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
constexpr const char* kLinuxRootType = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";  // x86-64

/// The first 34 sectors (protective MBR, header, entries) and the last 33 (entries, backup header).
struct PartitionTable {
  std::string head;
  std::string tail;
};

/// Throws Error(usage) for partitions that overlap, are not whole sectors or do not fit.
PartitionTable make_gpt(Bytes disk, const Uuid& disk_id, const std::vector<Partition>& partitions);

/// Writes both parts into an existing image of exactly that size.
void write_gpt(const std::filesystem::path& image, Bytes disk, const Uuid& disk_id,
               const std::vector<Partition>& partitions);

/// The partitions of an image, read from its primary header; checksums are verified. Throws Error(protocol).
std::vector<Partition> read_gpt(const std::filesystem::path& image);

/// CRC-32 (ISO 3309), as UEFI uses it.
std::uint32_t crc32(std::string_view bytes);

}  // namespace hlid::image
