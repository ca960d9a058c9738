#pragma once
#include "support/fake_rke2/config.h"

namespace hlid::fake_rke2 {

/// Deploys what is in D/server/manifests, again when a file changes, every few seconds and for ever.
void run_manifests(const Config& config);

}  // namespace hlid::fake_rke2
