// One run of a template that ends as a warm copy. Internal to this module.
#pragma once

#include "node/instant/warm_copies.h"

namespace hlid::node::instant {

struct WarmPlaces {
  WarmCopy copy;              ///< KEY.new
  std::filesystem::path run;  ///< sockets and pid file
};

/// Boots the copy, waits until cloud-init is done, makes it quiet and nameless, and keeps its state. Returns
/// the process in it that waits for the word to become a machine. QEMU has ended when it returns or throws.
std::int64_t run_warm(const Recipe& recipe, const WarmPlaces& places, const qemu::HostFacts& facts,
                      sys::ProcessRunner& processes, sys::Clock& clock, const Log& log,
                      const std::stop_token& stop);

/// Ends every process whose command line names `folder`/0.pid.
void end_processes_of(const std::filesystem::path& folder);

}  // namespace hlid::node::instant
