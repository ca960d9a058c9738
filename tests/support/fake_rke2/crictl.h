#pragma once
#include <string>
#include <vector>

namespace hlid::fake_rke2 {

/// crictl (and ctr): ps, images, logs; rmi does nothing.
int crictl_main(const std::vector<std::string>& arguments);

}  // namespace hlid::fake_rke2
