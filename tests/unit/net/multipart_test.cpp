#include "net/multipart.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "sys/files.h"

namespace hlid::net {
namespace {

class MultipartTest : public ::testing::Test {
 protected:
  Multipart read(const std::string& body) {
    std::ofstream(folder_.path() / "body", std::ios::binary) << body;
    return read_multipart(folder_.path() / "body", "----xyz");
  }
  sys::TempFolder folder_;
};

// The body of recording 341 (upload-iso-with-checksum), with a shorter file.
const std::string kUpload =
    "------xyz\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n"
    "------xyz\r\nContent-Disposition: form-data; name=\"checksum-algorithm\"\r\n\r\nsha256\r\n"
    "------xyz\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"my file (1).iso\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\nline\r\n--not a boundary\r\nend"
    "\r\n------xyz--\r\n";

TEST_F(MultipartTest, FindsFieldsAndFile) {
  const auto parts = read(kUpload);
  EXPECT_EQ(parts.fields, (Form{{"content", "iso"}, {"checksum-algorithm", "sha256"}}));
  EXPECT_EQ(parts.part_name, "filename");
  EXPECT_EQ(parts.file_name, "my file (1).iso");
  extract_range(folder_.path() / "body", parts.begin, parts.size, folder_.path() / "file");
  EXPECT_EQ(sys::read_file(folder_.path() / "file"), "line\r\n--not a boundary\r\nend");
}

TEST_F(MultipartTest, AnEmptyFileAndNoFile) {
  const auto empty = read(
      "------xyz\r\nContent-Disposition: form-data; name=\"filename\"; "
      "filename=\"huge.iso\"\r\n\r\n\r\n------xyz--\r\n");
  EXPECT_TRUE(empty.has_file());
  EXPECT_EQ(empty.size, 0);
  const auto none =
      read("------xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n------xyz--\r\n");
  EXPECT_FALSE(none.has_file());
  EXPECT_EQ(none.fields, (Form{{"a", "b"}}));
}

TEST_F(MultipartTest, FindsTheEndAcrossBlocks) {
  // The closing boundary straddles the reader's block of 1 MiB at every offset.
  const std::string head =
      "------xyz\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"f\"\r\n\r\n";
  for (std::size_t before = 0; before < 14; ++before) {
    const std::string content((1U << 20) - before, 'x');
    const auto parts = read(head + content + "\r\n------xyz--\r\n");
    EXPECT_EQ(parts.size, static_cast<std::int64_t>(content.size()));
  }
}

TEST_F(MultipartTest, RefusesWhatBreaksOff) {
  for (std::size_t size = 0; size + 12 < kUpload.size(); ++size)
    EXPECT_THROW(read(kUpload.substr(0, size)), Error) << size;
  EXPECT_THROW(read("------abc\r\n"), Error);
  EXPECT_THROW(read("------xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n------xyz--"), Error);
}

TEST(MultipartBoundary, TakesOnlyFormData) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=----xyz"), "----xyz");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), "a b");
  EXPECT_EQ(multipart_boundary("multipart/mixed; boundary=x"), std::nullopt);
  EXPECT_EQ(multipart_boundary("multipart/form-data"), std::nullopt);
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'x')), std::nullopt);
  EXPECT_EQ(multipart_boundary(""), std::nullopt);
}

}  // namespace
}  // namespace hlid::net
