#include "cluster/reconfigure.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/config.h"
#include "cluster/cordon.h"
#include "cluster/guard.h"
#include "cluster/labels.h"
#include "cluster/quorum.h"
#include "cluster/readiness.h"
#include "cluster/strangers.h"
#include "model/node_marks.h"

namespace hlid::cluster {
namespace {

/// Values that a cluster, or a member of it, was made with: a server that is restarted with another one of
/// these does not come back, or the servers contradict each other (RKE2's documentation, "critical
/// configuration values").
constexpr std::array kForEver{"agent-token",
                              "cluster-cidr",
                              "cluster-dns",
                              "cluster-domain",
                              "cni",
                              "data-dir",
                              "disable-cloud-controller",
                              "disable-kube-proxy",
                              "egress-selector-mode",
                              "node-ip",
                              "node-name",
                              "service-cidr"};

/// Of what was last read by the unit; where that is not known, what is written there.
std::string applied_config(const Site& site, Guest& guest) {
  const auto& distribution = site.wanted().distribution;
  if (auto applied = guest.read_file(applied_path(distribution))) return *applied;
  return guest.read_file(config_path(distribution)).value_or("");
}

void refuse_what_cannot_change(const std::vector<std::string>& pending, const std::string& machine) {
  Verdict verdict;
  for (const auto& key : pending)
    if (std::find(kForEver.begin(), kForEver.end(), key) != kForEver.end())
      verdict.evidence.push_back(fmt::format("'{}' cannot change once the cluster is formed", key));
  verdict.fix = "write the former value into the file, or make the lab anew";
  require(verdict, "reconfigure", machine);
}

/// The unit was last started with what the file wants.
bool is_current(const Site& site, const model::ObservedCluster& observed, const model::Machine& machine) {
  const auto* seen = observed.machine(machine.name);
  return seen && seen->config_hash == config_hash(site.lab, machine);
}

}  // namespace

void reconfigure_member(const Site& site, const std::string& name) {
  const auto& machine = site.machine(name);
  const auto observed = observe_with_strangers(site);
  const auto guest = site.fleet.guest(name);
  const auto files = config_files(site.lab, machine, Stage::settled);
  Awaited awaited;
  if (is_current(site, observed, machine)) {
    place_files(*guest, files);  // what needs no restart
    awaited.since = start_unit(site, *guest, machine);
    return await_ready(site, name, awaited);
  }
  if (const auto applied = applied_config(site, *guest); !applied.empty())
    refuse_what_cannot_change(pending_keys(applied, render_config(site.lab, machine, Stage::settled)), name);
  // Before anything is written: a machine that lost its power now would start with it.
  require_restart(site, observed, machine, "reconfigure");
  site.phase("writing its configuration");
  place_files(*guest, files);
  refresh_token(site, observed, *guest, machine);
  site.phase("restarting");
  awaited.since = restart_unit(site, *guest, machine);
  await_ready(site, name, awaited);
}

void label_member(const Site& site, const std::string& name) {
  const auto& machine = site.machine(name);
  const auto observed = observe_with_strangers(site);
  const auto* node = observed.node(name);
  if (!node)
    throw Error(Errc::precondition, "the cluster has no node '{}'", name)
        .with_hint("hlid status shows what keeps the machine from joining");
  const auto server = site.fleet.guest(other_server(observed, ""));
  apply_marks(*server, site.wanted().distribution, name, model::diff_marks(machine, *node));
}

}  // namespace hlid::cluster
