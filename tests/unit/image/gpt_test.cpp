#include "image/gpt.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::image {
namespace {

const Uuid kDisk{"0e3f1b52-6c3a-4f57-9d0e-2a4f6f1f7a10"};
const Uuid kRoot{"8d0c5b9e-26d7-4b4e-9a69-5ab1a1b0c9d2"};
const Uuid kBoot{"5d9e6d64-1a0b-4c44-8f63-0f9ad9b5ff01"};

std::vector<Partition> two() {
  return {{.type = kBiosBootType, .id = kBoot, .name = "bios", .start = mib(1), .size = mib(1)},
          {.type = kLinuxRootType, .id = kRoot, .name = "root", .start = mib(2), .size = mib(5)}};
}

std::filesystem::path empty_image(const sys::TempFolder& folder, Bytes size) {
  auto path = folder.path() / "disk.raw";
  sys::write_durable(path, "");
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size.count));
  return path;
}

// The check value of CRC-32/ISO-HDLC.
TEST(Gpt, ComputesTheChecksumOfTheSpecification) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
}

TEST(Gpt, StoresGuidsInMixedEndianAndMarksTheDiskInItsMbr) {
  const auto table = make_gpt(mib(8), kDisk, two());
  ASSERT_EQ(table.head.size(), 34U * 512);
  ASSERT_EQ(table.tail.size(), 33U * 512);
  EXPECT_EQ(table.head.substr(510, 2), "\x55\xaa");
  EXPECT_EQ(table.head[450], '\xee');
  EXPECT_EQ(table.head.substr(512, 8), "EFI PART");
  EXPECT_EQ(hex_encode(table.head.substr(1024, 16)), "4861682149646f6e744e656564454649");
  EXPECT_EQ(table.head.substr(1024, 16), "Hah!IdontNeedEFI");  // as the type was meant
}

TEST(Gpt, IsReadBackAsItWasWritten) {
  const sys::TempFolder folder;
  const auto image = empty_image(folder, mib(8));
  write_gpt(image, mib(8), kDisk, two());
  const auto partitions = read_gpt(image);
  ASSERT_EQ(partitions.size(), 2U);
  EXPECT_EQ(partitions[1].type, kLinuxRootType);
  EXPECT_EQ(partitions[1].id, kRoot);
  EXPECT_EQ(partitions[1].name, "root");
  EXPECT_EQ(partitions[1].start, mib(2));
  EXPECT_EQ(partitions[1].size, mib(5));
}

TEST(Gpt, IsAcceptedByTheSystemsOwnTool) {
  const sys::TempFolder folder;
  const auto image = empty_image(folder, mib(8));
  write_gpt(image, mib(8), kDisk, two());
  sys::PosixProcessRunner runner;
  const auto result = runner.run({.argv = {"sfdisk", "--verify", image.string()}});
  if (result.ending == sys::Ending::not_started) GTEST_SKIP() << "sfdisk is not installed";
  EXPECT_TRUE(result.ok()) << result.output << result.error_output;
  EXPECT_EQ(result.error_output, "");
}

TEST(Gpt, RefusesWhatOverlapsOrDoesNotFit) {
  auto overlapping = two();
  overlapping[1].start = mib(1);
  EXPECT_THROW(make_gpt(mib(8), kDisk, overlapping), Error);
  EXPECT_THROW(make_gpt(mib(7), kDisk, two()), Error);
  auto crooked = two();
  crooked[1].size = {1000};
  EXPECT_THROW(make_gpt(mib(8), kDisk, crooked), Error);
  auto early = two();
  early[0].start = {512};
  EXPECT_THROW(make_gpt(mib(8), kDisk, early), Error);
}

TEST(Gpt, NoticesADamagedTable) {
  const sys::TempFolder folder;
  const auto image = empty_image(folder, mib(8));
  EXPECT_THROW(read_gpt(image), Error);
  auto table = make_gpt(mib(8), kDisk, two());
  table.head[1024 + 40] ^= 1;
  sys::write_durable(image, table.head);
  EXPECT_THROW(read_gpt(image), Error);
}

}  // namespace
}  // namespace hlid::image
