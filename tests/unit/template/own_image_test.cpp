// An image of one's own instead of a built one; with the real qemu-img.
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "image/qemu_img.h"
#include "sys/files.h"
#include "template/builder.h"

namespace hlid::templates {
namespace {

class OwnImage : public testing::Test {
 protected:
  OwnImage() : builder_(runner_, folder_.path() / "cache") {
    std::ofstream(path_, std::ios::binary) << std::string(1 << 20, 'x');
    request_.image.name = "own";
    request_.image.image_file = path_.string();
  }
  Built build() {
    return builder_.build(request_, [](const std::string&) {});
  }

  sys::TempFolder folder_;
  std::filesystem::path path_ = folder_.path() / "disk.raw";
  sys::PosixProcessRunner runner_;
  Builder builder_;
  BuildRequest request_;
};

TEST_F(OwnImage, IsTakenAsItIsAndKept) {
  const auto built = build();
  EXPECT_EQ(built.format, "qcow2");
  EXPECT_EQ(built.virtual_size, mib(1));
  EXPECT_FALSE(built.from_cache);
  EXPECT_TRUE(image::QemuImg(runner_).equal(path_, "raw", built.disk, "qcow2"));
  EXPECT_TRUE(build().from_cache);
}

TEST_F(OwnImage, IsAnotherTemplateWhenItsFileChanges) {
  const auto before = content_key(request_);
  EXPECT_EQ(content_key(request_), before);
  std::ofstream(path_, std::ios::app) << "more";
  EXPECT_NE(content_key(request_), before);
}

TEST_F(OwnImage, ThatIsNotThereIsNamed) {
  request_.image.image_file = "/nonexistent/disk.raw";
  try {
    content_key(request_);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::io);
    EXPECT_NE(error.message().find("/nonexistent/disk.raw"), std::string::npos);
  }
}

TEST_F(OwnImage, ThatIsOnlyAnOverlayIsRefused) {
  const auto overlay = folder_.path() / "overlay.qcow2";
  image::QemuImg(runner_).create_overlay(overlay, path_, "raw");
  request_.image.image_file = overlay.string();
  EXPECT_THROW(build(), Error);
}

}  // namespace
}  // namespace hlid::templates
