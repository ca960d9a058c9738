#pragma once
#include <string>
#include <vector>

namespace hlid::fake_rke2 {

/// `rke2 server …`
int server_main(const std::vector<std::string>& arguments);

}  // namespace hlid::fake_rke2
