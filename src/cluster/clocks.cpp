#include "cluster/clocks.h"

#include <cstdlib>

#include "cluster/preflight.h"

namespace hlid::cluster {
namespace {

/// A probe can take that long under emulation, and its offset be wrong by as much.
constexpr long long kCoarse = 10;

}  // namespace

void require_same_time(const Site& site, const MachineFacts& one, const MachineFacts& other) {
  if (std::llabs(one.seen.clock_offset - other.seen.clock_offset) <= kCoarse) return;
  const auto look = [&](const MachineFacts& facts) {
    return look_at_host(*site.fleet.guest(facts.seen.machine), site.clock, site.wanted().distribution);
  };
  for (const auto& problem : check_hosts_together({look(one), look(other)}))
    if (problem.fatal)
      throw Error(Errc::precondition, "{}: {}: {}", problem.code, problem.what, problem.evidence)
          .with_hint(problem.fix);
}

}  // namespace hlid::cluster
