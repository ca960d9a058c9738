#include "drive/cluster_observer.h"

#include <algorithm>

#include "cluster/probe.h"
#include "drive/cluster_site.h"
#include "drive/former_machines.h"

namespace hlid::drive {
namespace {

bool runs(const model::Homelab& lab, const model::Observed& there, const model::Machine& machine) {
  return machine.role != model::Role::plain &&
         std::any_of(there.machines.begin(), there.machines.end(), [&](const auto& one) {
           return one.name == machine.name && one.power == model::Power::running &&
                  model::is_owned(one, lab.name);
         });
}

}  // namespace

SeenCluster look_into_cluster(const model::Homelab& lab, const model::Observed& there,
                              const pve::Session& session, DiscShelf& shelf, bool emulated) {
  auto former = former_machines(lab, there);
  const auto all = with_former(lab, former);
  if (std::none_of(all.machines.begin(), all.machines.end(),
                   [&](const auto& machine) { return runs(all, there, machine); }))
    return {};
  ClusterSite site(all, session, shelf, emulated);
  SeenCluster seen{cluster::observe(site.site()), {}};
  seen.former = former_members(std::move(former), *seen.cluster);
  return seen;
}

}  // namespace hlid::drive
