#pragma once
#include <string>
#include <vector>

namespace hlid::fake_rke2 {

/// kubectl, as much of it as an installer uses (docs/testing.md).
int kubectl_main(const std::vector<std::string>& arguments);

}  // namespace hlid::fake_rke2
