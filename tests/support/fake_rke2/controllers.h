#pragma once
#include "support/fake_rke2/config.h"

/// What one server at a time does for the cluster: nodes that fell silent, members of deleted servers,
/// learners.
namespace hlid::fake_rke2 {

void run_controllers(const Config& config);

}  // namespace hlid::fake_rke2
