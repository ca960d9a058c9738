// Every code that a plan may carry is explained, for `hlid explain` and in docs/errors.md.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "base/text.h"
#include "sys/files.h"

namespace hlid::plan {
namespace {

const std::string kRoot = HLID_SOURCE_DIR;

std::set<std::string> codes_in_the_source() {
  const std::regex call(R"re(\b(?:refuse|notice)\(\s*"([a-z-]+)")re");
  std::set<std::string> codes;
  for (const auto& file : std::filesystem::directory_iterator(kRoot + "/src/plan")) {
    const auto text = sys::read_file(file.path());
    for (auto at = std::sregex_iterator(text.begin(), text.end(), call); at != std::sregex_iterator(); ++at)
      codes.insert((*at)[1]);
  }
  return codes;
}

TEST(Codes, AreAllExplained) {
  const auto codes = codes_in_the_source();
  ASSERT_GT(codes.size(), 20U);
  const auto explained = sys::read_file(kRoot + "/src/cli/codes.md");
  const auto documented = sys::read_file(kRoot + "/docs/errors.md");
  for (const auto& code : codes) {
    EXPECT_TRUE(contains(explained, "## " + code + "\n")) << code << " is not in src/cli/codes.md";
    EXPECT_TRUE(contains(documented, "| `" + code + "` |")) << code << " is not in docs/errors.md";
  }
}

}  // namespace
}  // namespace hlid::plan
