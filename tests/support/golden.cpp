#include "support/golden.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "sys/files.h"

namespace hlid::test {

std::string golden_path(const std::string& name) {
  return std::string(HLID_SOURCE_DIR) + "/tests/golden/" + name;
}

void expect_golden(const std::string& name, const std::string& actual) {
  const sys::fs::path path = golden_path(name);
  const char* accept = std::getenv("HLID_ACCEPT");
  if (accept != nullptr && std::string(accept) == "1") {
    sys::make_folder(path.parent_path());
    sys::write_durable(path, actual);
    GTEST_SKIP() << "golden " << name << " rewritten";
  }
  const auto wanted = sys::read_file_if_exists(path);
  ASSERT_TRUE(wanted.has_value()) << "no golden " << name << "; make it with HLID_ACCEPT=1";
  EXPECT_EQ(*wanted, actual) << "golden " << name
                             << " differs; if that is right, rewrite it with HLID_ACCEPT=1";
}

}  // namespace hlid::test
