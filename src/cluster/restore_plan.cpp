#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "cluster/quorum.h"
#include "cluster/restore.h"
#include "cluster/version.h"

namespace hlid::cluster {
namespace {

using model::ObservedCluster;
using model::ObservedClusterMachine;

bool can_be_reset(const ObservedClusterMachine& machine, bool with_bundle) {
  return machine.reachable && !machine.installed.empty() && (with_bundle || machine.has_datastore);
}

void refuse(RestorePlan& plan, std::string why, const std::string& fix) {
  plan.refusals.push_back(std::move(why));
  if (plan.fix.empty()) plan.fix = fix;
}

void look_at_silent_servers(const model::Homelab& lab, const ObservedCluster& observed, RestorePlan& plan) {
  for (const auto& machine : lab.machines) {
    const auto* seen = observed.machine(machine.name);
    if (machine.role != model::Role::server || (seen && seen->reachable)) continue;
    refuse(plan,
           fmt::format("server '{}' is {}: it might come back and vote with the old data", machine.name,
                       seen && seen->running ? "silent" : "off or gone"),
           "hlid up --only machines brings the machines up; a dead one is made anew");
  }
}

void choose_target(const model::Homelab& lab, const ObservedCluster& observed, bool with_bundle,
                   const std::string& wanted, RestorePlan& plan) {
  for (const auto& machine : lab.machines) {
    const auto* seen = observed.machine(machine.name);
    if (machine.role != model::Role::server || !seen || !can_be_reset(*seen, with_bundle)) continue;
    if (!wanted.empty() && wanted != machine.name) continue;
    plan.target = machine.name;
    return;
  }
  const std::string needs = with_bundle ? "a release installed" : "a release installed and a datastore";
  refuse(plan,
         wanted.empty() ? "no server that answers has " + needs
                        : fmt::format("'{}' is no server that answers and has {}", wanted, needs),
         with_bundle ? "hlid up --only machines brings the machines up; hlid up installs the release"
                     : "restore from a bundle: hlid cluster snapshot list shows those there are");
}

void sort_the_others(const model::Homelab& lab, const ObservedCluster& observed, RestorePlan& plan) {
  for (const auto& machine : lab.machines) {
    const auto* seen = observed.machine(machine.name);
    if (machine.role == model::Role::plain || machine.name == plan.target || !seen) continue;
    auto& list = seen->installed.empty()               ? plan.left_to_up
                 : machine.role == model::Role::server ? plan.rejoin
                                                       : plan.agents;
    list.push_back(machine.name);
  }
}

void check_version(const model::Homelab& lab, const ObservedCluster& observed, const Bundle& bundle,
                   RestorePlan& plan) {
  if (lab.cluster && bundle.distribution != lab.cluster->distribution)
    refuse(
        plan,
        fmt::format("the bundle is of {}, the file wants {}", bundle.distribution, lab.cluster->distribution),
        "choose another bundle: hlid cluster snapshot list");
  const auto* seen = observed.machine(plan.target);
  const auto then = Version::parse(bundle.version);
  const auto now = seen ? Version::parse(seen->installed) : std::nullopt;
  if (!then || !now) {
    if (seen) refuse(plan, fmt::format("'{}' or '{}' is no release", bundle.version, seen->installed), "");
    return;
  }
  if (std::pair(now->major, now->minor) < std::pair(then->major, then->minor))
    refuse(plan,
           fmt::format("'{}' has {}, the bundle was taken from {}: older programs cannot read newer data",
                       plan.target, seen->installed, bundle.version),
           fmt::format("write version: {} into the file and run hlid up", bundle.version));
}

}  // namespace

RestorePlan plan_restore(const model::Homelab& lab, const ObservedCluster& observed,
                         const std::optional<Bundle>& bundle, const RestoreOptions& options) {
  RestorePlan plan;
  if (!bundle && observed.answers)
    refuse(plan, "the cluster has its quorum: there is nothing to recover without a bundle",
           "hlid replace NAME for one dead server; hlid cluster restore BUNDLE for the past");
  look_at_silent_servers(lab, observed, plan);
  choose_target(lab, observed, bundle.has_value(), options.on, plan);
  if (bundle) check_version(lab, observed, *bundle, plan);
  sort_the_others(lab, observed, plan);
  return plan;
}

}  // namespace hlid::cluster
