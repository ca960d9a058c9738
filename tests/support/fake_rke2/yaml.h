#pragma once
#include <string>
#include <vector>

// yaml-cpp's headers are not clean under our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include <yaml-cpp/yaml.h>
#pragma GCC diagnostic pop

#include "base/json.h"

namespace hlid::fake_rke2 {

/// The documents of a manifest as JSON; empty ones are left out. Quoted scalars stay text. Throws
/// Error(protocol).
std::vector<json::value> documents_of(const std::string& yaml);

}  // namespace hlid::fake_rke2
