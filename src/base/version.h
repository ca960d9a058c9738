#pragma once
#include <string_view>

namespace hlid {

/// The project's version (root CMakeLists.txt), "0.1.0".
std::string_view version();

}  // namespace hlid
