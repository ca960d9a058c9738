#pragma once
#include <string>

namespace hlid::test {

/// Compares `actual` with the file tests/golden/<name>. A missing golden fails. With HLID_ACCEPT=1 the file
/// is rewritten and the test is reported skipped, never passed.
void expect_golden(const std::string& name, const std::string& actual);
/// The absolute path of tests/golden/<name>.
std::string golden_path(const std::string& name);

}  // namespace hlid::test
