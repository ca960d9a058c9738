// The table of wrong files: every tests/golden/spec/*.yaml with its diagnostics beside it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "support/golden.h"
#include "support/spec_world.h"
#include "sys/files.h"

namespace hlid::spec {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> wrong_files() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(test::golden_path("spec")))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class WrongFile : public testing::TestWithParam<std::string> {};

TEST_P(WrongFile, IsRefusedWithItsDiagnostics) {
  const auto text = sys::read_file(test::golden_path("spec/" + GetParam() + ".yaml"));
  const Result result = read(text, "homelab.yaml", test::spec_world());
  EXPECT_TRUE(result.diagnostics.has_errors());
  for (const auto& diagnostic : result.diagnostics.all()) {
    EXPECT_FALSE(diagnostic.hint.empty()) << diagnostic.message;
    EXPECT_EQ(diagnostic.at.file, "homelab.yaml");
  }
  test::expect_golden("spec/" + GetParam() + ".txt", result.diagnostics.render(text));
}

std::string test_name(const testing::TestParamInfo<std::string>& file) {
  std::string name = file.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, WrongFile, testing::ValuesIn(wrong_files()), test_name);

TEST(WrongFiles, AreAtLeastSixty) {
  EXPECT_GE(wrong_files().size(), 60U);
}

}  // namespace
}  // namespace hlid::spec
