#pragma once
#include <string>
#include <vector>

namespace hlid::fake_rke2 {

/// `arguments`: the data folder. Serves until it is killed.
int apiserver_main(const std::vector<std::string>& arguments);

}  // namespace hlid::fake_rke2
