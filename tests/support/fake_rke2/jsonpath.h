#pragma once
#include <string>

#include "base/json.h"

namespace hlid::fake_rke2 {

/// kubectl's JSONPath templates: text, {.a.b}, {.a[0]}, {.a[*].b}, {.a[?(@.type=="Ready")].status}, keys with
/// escaped dots (a\.b), {"text"}, {range .items[*]}…{end}. What is absent prints nothing. Throws
/// Error(usage).
std::string jsonpath(const std::string& expression, const json::value& root);

}  // namespace hlid::fake_rke2
