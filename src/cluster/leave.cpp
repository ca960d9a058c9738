#include "cluster/leave.h"

#include "base/error.h"
#include "cluster/cordon.h"
#include "cluster/erase.h"
#include "cluster/form.h"
#include "cluster/guard.h"
#include "cluster/quorum.h"
#include "cluster/replace.h"
#include "cluster/strangers.h"
#include "cluster/teardown.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

/// Where etcd lives in the unit's process, stopping one of two servers first would end the quorum before the
/// member could be removed.
bool must_run_until_removed(const Site& site, const model::ObservedCluster& observed,
                            const std::string& machine) {
  return traits_of(site.wanted().distribution).etcd_in_process && observed.member_of(machine) &&
         observed.members.size() == 2;
}

void drain_for_good(const Site& site, Guest& through, const model::ObservedCluster& observed,
                    const std::string& machine, const LeaveOptions& options) {
  const auto* node = observed.node(machine);
  // The pods of a Node that is not ready can end nowhere: waiting for them is in vain.
  if (!node || !node->ready) return;
  park(site, through, *node, options.drain && has_refuge(observed, machine), options.drain_timeout);
}

void out_of_the_cluster(const Site& site, Guest& guest, const model::ObservedCluster& observed,
                        const LeaveOptions& options) {
  const auto& machine = guest.name();
  const auto through = site.fleet.guest(other_server(observed, machine));
  drain_for_good(site, *through, observed, machine, options);
  const bool runs_on = must_run_until_removed(site, observed, machine);
  if (!runs_on) stop_units(site, guest, true);
  erase_node(site, *through, machine);
  kill_all(site, guest, true);
  // A kubelet that went on running may have registered its Node again.
  if (runs_on) erase_node(site, *through, machine);
}

}  // namespace

void leave(const Site& site, const std::string& machine, const LeaveOptions& options) {
  const auto observed = observe_with_strangers(site);
  const bool known = observed.node(machine) || observed.member_of(machine);
  if (!observed.answers)
    require({{"no server of the cluster answers"}, "hlid status shows the first broken link of each server"},
            "take out", machine);
  if (!site.fleet.runs(machine)) {
    if (known) forget(site, machine);
    return;
  }
  const auto guest = site.fleet.guest(machine);
  if (known) {
    require(may(ServerChange::remove, machine, observed), "take out", machine);
    // The token may be nowhere else yet.
    if (observed.member_of(machine)) require_settled_token(site, observed, "take out", machine);
    out_of_the_cluster(site, *guest, observed, options);
    // Without a VIP the others may have the address of the one that left as the way in.
    if (observed.member_of(machine) && !site.wanted().vip) settle(site);
  } else {
    kill_all(site, *guest, true);
  }
  if (options.uninstall) uninstall(site, *guest);
}

}  // namespace hlid::cluster
