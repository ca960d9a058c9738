#include "cluster/upgrade.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/cordon.h"
#include "cluster/guard.h"
#include "cluster/install.h"
#include "cluster/kube_vip.h"
#include "cluster/readiness.h"
#include "cluster/rolling.h"
#include "cluster/snapshot.h"
#include "cluster/strangers.h"
#include "cluster/traits.h"
#include "cluster/version.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

using model::ObservedCluster;
using model::Role;

const char* const kUpgradeLabel = "upgrade";

// $1 kubectl, $2 kubeconfig. A cluster without this kind has none of them.
constexpr std::string_view kOthers = R"sh(# hlid:other-upgraders
"$1" --kubeconfig "$2" --request-timeout=20s get plans.upgrade.cattle.io -A -o name 2>/dev/null
exit 0
)sh";

/// rancher/system-upgrade-controller knows neither the quorum nor the order of versions, and would work at
/// the same time.
void refuse_other_upgraders(const Site& site, const ObservedCluster& observed) {
  const auto& traits = traits_of(site.wanted().distribution);
  const auto server = site.fleet.guest(other_server(observed, ""));
  const auto ran = server->run(kOthers, {std::string(traits.kubectl), std::string(traits.kubeconfig)});
  const auto plans = split_list(ran.output, "\n");
  if (plans.empty()) return;
  require({{fmt::format("the system-upgrade-controller has plans of its own: {}", join(plans, ", "))},
           "let it do the upgrade, or delete its plans first"},
          "upgrade", site.lab.name);
}

/// Of those that have joined.
std::vector<const model::Machine*> joined_servers(const Site& site, const ObservedCluster& observed) {
  auto servers = site.servers();
  std::erase_if(servers, [&](const auto* server) { return !observed.node(server->name); });
  return servers;
}

/// No kubelet is newer than any API server.
Verdict servers_are_ahead(const ObservedCluster& observed, const Version& wanted) {
  Verdict verdict;
  for (const auto& member : observed.members) {
    const auto text = version_of(observed, member.node);
    const auto version = Version::parse(text);
    if (!version || !kubelet_fits(wanted, *version))
      verdict.evidence.push_back(fmt::format("server '{}' runs {}", member.node, text));
  }
  if (!verdict.allowed()) verdict.fix = "the servers go first: hlid cluster upgrade";
  return verdict;
}

/// Of the other agents no more may be away than leaves room for one.
Verdict agents_have_room(const Site& site, const ObservedCluster& observed, const std::string& machine) {
  Verdict verdict;
  for (const auto* agent : site.agents()) {
    if (agent->name == machine) continue;
    const auto* node = observed.node(agent->name);
    if (node && !node->ready) verdict.evidence.push_back(fmt::format("Node '{}' is not ready", agent->name));
  }
  if (static_cast<int>(verdict.evidence.size()) < std::max(1, site.wanted().max_unavailable)) return {};
  verdict.fix = "mend it, or hlid replace it; cluster.max_unavailable says how many may be away at once";
  return verdict;
}

void check_rules(const Site& site, const ObservedCluster& observed, const model::Machine& machine,
                 const Version& wanted) {
  require(may_upgrade(observed, wanted.text()), "upgrade", machine.name);
  if (machine.role == Role::agent) {
    require(servers_are_ahead(observed, wanted), "upgrade", machine.name);
    require(agents_have_room(site, observed, machine.name), "upgrade", machine.name);
  }
  require_restart(site, observed, machine, "upgrade");
}

/// kubectl works on the server that is upgraded too, but is gone while it restarts: another one where there
/// is.
std::string server_to_ask(const ObservedCluster& observed, const std::string& machine) {
  try {
    return other_server(observed, machine);
  } catch (const Error&) {
    return machine;
  }
}

/// The unit's process is of that version, ready or not.
bool runs(const ObservedCluster& observed, const std::string& machine, const std::string& wanted) {
  const auto* seen = observed.machine(machine);
  return seen && seen->running_version == wanted;
}

void replace_release(const Site& site, Guest& guest, const model::Machine& machine,
                     const ObservedCluster& observed, const ReleaseSet& release) {
  Awaited awaited;
  awaited.version = release.version.text();
  if (runs(observed, machine.name, awaited.version)) {
    // On its way already; what its journal said before does not count any more.
    awaited.since = start_unit(site, guest, machine);
  } else {
    // The rules were checked by what runs. A newer program that is on the disk and never ran may go.
    install(guest, release, {Replace::any, site.patience, site.phase});
    refresh_token(site, observed, guest, machine);
    site.phase("restarting");
    awaited.since = restart_unit(site, guest, machine);
  }
  await_ready(site, machine.name, awaited);
}

/// The VIP's image came with the old release; once every server has the new one's, all get its manifest. Not
/// earlier: servers with different manifests would undo each other's.
void renew_vip(const Site& site, const ObservedCluster& observed, const ReleaseSet& release) {
  if (!site.wanted().vip || release.kube_vip_image.empty()) return;
  for (const auto* server : joined_servers(site, observed)) {
    const auto guest = site.fleet.guest(server->name);
    const auto interface = find_interface(*guest, server->address.address);
    place_files(*guest, {kube_vip_file(site.lab, interface, release.kube_vip_image)});
  }
}

bool all_servers_run(const Site& site, const ObservedCluster& observed, const std::string& wanted) {
  const auto servers = joined_servers(site, observed);
  return std::all_of(servers.begin(), servers.end(),
                     [&](const auto* server) { return version_of(observed, server->name) == wanted; });
}

bool is_done(const ObservedCluster& observed, const std::string& machine, const std::string& wanted) {
  const auto* node = observed.node(machine);
  return is_ready(observed, machine) && node->version == wanted && node->labels.count(kParkedLabel) == 0 &&
         runs(observed, machine, wanted);
}

/// Taken in this upgrade already: before any server went to `wanted`, so the bundle is of an older version.
bool has_snapshot(const Site& site, const ObservedCluster& observed, const std::filesystem::path& bundles,
                  const std::string& wanted) {
  const auto servers = joined_servers(site, observed);
  const bool begun = std::any_of(servers.begin(), servers.end(), [&](const auto* server) {
    return version_of(observed, server->name) == wanted;
  });
  if (!begun) return false;
  const auto* seen = observed.machine(observed.answered_by);
  const auto all = list_bundles(bundles);
  return seen && std::any_of(all.begin(), all.end(), [&](const Bundle& bundle) {
           return bundle.label == kUpgradeLabel && bundle.ca_hash == seen->ca_hash &&
                  bundle.version != wanted;
         });
}

void do_step(const Site& site, const UpgradeStep& step, const ReleaseSet& release,
             const std::filesystem::path& bundles, const UpgradeOptions& options) {
  if (step.kind == UpgradeStep::Kind::snapshot) {
    return snapshot_before_upgrade(site, bundles, release.version.text());
  }
  sys::in_parallel(step.machines.size(), step.machines.size(), [&](std::size_t i) {
    const auto one = site.about(step.machines[i]);
    with_context(fmt::format("upgrade '{}'", step.machines[i]),
                 [&] { upgrade_member(one, step.machines[i], release, options); });
    one.phase("done");
  });
}

}  // namespace

void upgrade_member(const Site& site, const std::string& name, const ReleaseSet& release,
                    const UpgradeOptions& options) {
  const auto& machine = site.machine(name);
  const auto wanted = release.version.text();
  const auto observed = observe_with_strangers(site);
  if (is_done(observed, name, wanted)) return;
  check_rules(site, observed, machine, release.version);

  auto through = site.fleet.guest(server_to_ask(observed, name));
  const auto* node = observed.node(name);
  if (node && node->ready && !runs(observed, name, wanted))
    park(site, *through, *node, options.drain && has_refuge(observed, name), options.drain_timeout);
  const auto guest = site.fleet.guest(name);
  replace_release(site, *guest, machine, observed, release);
  // Before it is uncordoned: until then a run that follows an interrupted one comes here again.
  if (machine.role == Role::server)
    if (const auto now = observe_with_strangers(site); all_servers_run(site, now, wanted))
      renew_vip(site, now, release);
  unpark(site, *through, name);
}

void snapshot_before_upgrade(const Site& site, const std::filesystem::path& bundles,
                             const std::string& wanted) {
  const auto observed = observe_with_strangers(site);
  refuse_other_upgraders(site, observed);
  if (has_snapshot(site, observed, bundles, wanted)) return;
  SnapshotOptions options;
  options.label = kUpgradeLabel;
  take_snapshot(site, bundles, options);
}

Upgraded upgrade(const Site& site, const ReleaseSet& release, const std::filesystem::path& bundles,
                 const UpgradeOptions& options) {
  const auto wanted = release.version.text();
  auto observed = observe_with_strangers(site);
  if (!observed.answers) {
    if (site.servers().size() != 1)
      require(
          {{"no server of the cluster answers"}, "hlid status shows the first broken link of each server"},
          "upgrade", site.lab.name);
    // The only server may be in the middle of it.
    const auto& only = site.servers().front()->name;
    upgrade_member(site.about(only), only, release, options);
    observed = observe_with_strangers(site);
  }
  require(may_upgrade(observed, wanted), "upgrade", site.lab.name);
  for (const auto& step : upgrade_order(site.lab, observed, wanted)) {
    for (const auto& machine : step.machines)
      if (!options.go_on(machine)) return Upgraded::paused;
    do_step(site, step, release, bundles, options);
  }
  return Upgraded::all;
}

}  // namespace hlid::cluster
