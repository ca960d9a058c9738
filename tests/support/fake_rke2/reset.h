#pragma once
#include "support/fake_rke2/config.h"

namespace hlid::fake_rke2 {

/// `rke2 server --cluster-reset [--cluster-reset-restore-path=…]`: back to one member, with what is here or
/// what a snapshot holds. Returns the exit status.
int reset_cluster(const Config& config);

}  // namespace hlid::fake_rke2
