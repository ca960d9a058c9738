#include "cluster/replace.h"

#include "base/error.h"
#include "cluster/cordon.h"
#include "cluster/erase.h"
#include "cluster/quorum.h"
#include "cluster/strangers.h"
#include "cluster/teardown.h"

namespace hlid::cluster {
namespace {

/// An agent is well when its Node is ready and its machine does not contradict.
bool is_well(const model::ObservedCluster& observed, const std::string& machine) {
  const auto* node = observed.node(machine);
  const auto* seen = observed.machine(machine);
  return node && node->ready && (!seen || (seen->running && seen->active));
}

Verdict may_forget(const model::ObservedCluster& observed, const std::string& machine) {
  if (!observed.answers || observed.member_of(machine)) return may(ServerChange::forget, machine, observed);
  if (is_well(observed, machine))
    return {{"it is well: its Node is ready"},
            "to take it out of the cluster, lower 'count' in the file: it is drained first"};
  return {};
}

}  // namespace

void forget(const Site& site, const std::string& machine) {
  const auto observed = observe_with_strangers(site);
  if (observed.answers && !observed.node(machine) && !observed.member_of(machine)) return;
  require(may_forget(observed, machine), "forget", machine);
  const auto through = site.fleet.guest(other_server(observed, machine));
  make_sure_it_is_dead(site, machine);
  site.phase("the cluster forgets it");
  erase_node(site, *through, machine);
}

}  // namespace hlid::cluster
