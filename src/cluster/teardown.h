#pragma once
#include "cluster/guest.h"
#include "cluster/site.h"

/// Ending the distribution on one machine, whatever its role. Each is repeatable and does nothing where
/// nothing is left to do; Error(failed) has the machine's own words.
namespace hlid::cluster {

/// Stops the units; `for_good` also keeps them from starting at boot. RKE2's etcd, API server and pods live
/// on (KillMode=process), K3s' etcd does not (traits.etcd_in_process).
void stop_units(const Site& site, Guest& guest, bool for_good);

/// Stops the units and ends every process of the distribution, etcd and pods too, and takes the VIP off the
/// machine's interfaces, where a killed kube-vip leaves it.
void kill_all(const Site& site, Guest& guest, bool for_good);

/// Removes the distribution, its data, the node's password and what hlid wrote. What the distribution's own
/// script leaves behind goes too.
void uninstall(const Site& site, Guest& guest);

/// Makes sure that nothing of the distribution runs there: kill_all(), or by cutting the power when the guest
/// agent is silent. A machine that is off or does not exist is fine.
void make_sure_it_is_dead(const Site& site, const std::string& machine);

}  // namespace hlid::cluster
