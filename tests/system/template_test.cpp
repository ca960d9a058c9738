#include <gtest/gtest.h>

#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "image/qemu_img.h"
#include "support/lab.h"
#include "template/builder.h"

// Real templates from the package archive, kept in the cache that all system tests share.
namespace hlid::templates {
namespace {

std::filesystem::path cache_folder() {
  return test::test_cache() / "templates";
}

BuildRequest request_for(const std::string& os) {
  return {.image = {.name = "pkr-" + os,
                    .vmid = {90001},
                    .os = os,
                    .locale = "fr_FR.UTF-8",
                    .keyboard = "fr",
                    .timezone = "Europe/Paris",
                    .packages = {"vim", "zip", "unzip"}},
          .access = {.user = "odin", .ssh_port = 2222}};
}

void show(const std::string& text) {
  std::cout << "  " << text << std::endl;
}

class Template : public testing::TestWithParam<const char*> {};

TEST_P(Template, IsBuiltOnceAndThenFound) {
  sys::PosixProcessRunner runner;
  Builder builder(runner, cache_folder());
  const auto request = request_for(GetParam());
  const auto built = builder.build(request, show);
  const auto info = image::QemuImg(runner).info(built.disk);
  EXPECT_EQ(info.format, "qcow2");
  EXPECT_EQ(info.virtual_size, gib(4));
  EXPECT_EQ(info.backing_file, "");

  const auto again = builder.build(request, [](const std::string& text) { FAIL() << text; });
  EXPECT_TRUE(again.from_cache);
  EXPECT_EQ(again.disk, built.disk);
}

INSTANTIATE_TEST_SUITE_P(Releases, Template, testing::Values("ubuntu-24.04", "debian-12", "debian-13"),
                         [](const auto& given) {
                           return replace_all(replace_all(given.param, "-", "_"), ".", "_");
                         });

}  // namespace
}  // namespace hlid::templates
