// What forbids a cluster's plan or is better known: counts, two clusters, an upgrade that skips, nodes of
// nobody.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "plan/cluster.h"

namespace hlid::plan {
namespace {

using model::Disruption;
using model::Role;

int wanted_servers(const Draft& draft) {
  const auto& machines = draft.wanted.machines;
  return static_cast<int>(
      std::count_if(machines.begin(), machines.end(), [](const auto& m) { return m.role == Role::server; }));
}

void refuse_counts(Draft& draft) {
  const int servers = wanted_servers(draft);
  if (servers == 0)
    return draft.refuse("no-server", draft.lab(), "the file has a cluster and no server",
                        "give a group role: server");
  if (servers % 2 != 0) return;
  draft.refuse("servers-even", draft.lab(),
               fmt::format("{} servers survive no more losses than {}, and one more can be lost", servers,
                           servers - 1),
               fmt::format("write {} or {}", servers - 1, servers + 1));
}

/// Machines with data of different clusters: whatever was done next, one of them would be lost.
void refuse_two_clusters(Draft& draft) {
  if (!draft.there.cluster) return;
  const model::ObservedClusterMachine* first = nullptr;
  for (const auto& machine : draft.there.cluster->machines) {
    if (!machine.has_datastore || machine.ca_hash.empty() || draft.made.count(machine.machine) != 0) continue;
    if (first == nullptr) first = &machine;
    if (machine.ca_hash == first->ca_hash) continue;
    return draft.refuse(
        "two-clusters", machine.machine,
        fmt::format("'{}' has the data of another cluster than '{}'", machine.machine, first->machine),
        fmt::format("decide which one is to live; the other is lost with: hlid replace {}", machine.machine));
  }
}

void refuse_upgrade(Draft& draft) {
  const auto& goal = draft.options.cluster;
  if (goal.upgrade_refused.empty()) return;
  draft.refuse("upgrade-path", draft.wanted.cluster->distribution, join(goal.upgrade_refused, "; "),
               goal.upgrade_fix);
}

/// Names in the cluster's books.
std::set<std::string> known_names(const model::ObservedCluster& cluster) {
  std::set<std::string> names;
  for (const auto& node : cluster.nodes) names.insert(node.name);
  for (const auto& member : cluster.members) names.insert(member.node);
  return names;
}

/// Nodes that no machine stands behind. Those that are well are somebody's; a dead one is forgotten with
/// consent: a dead server keeps every new one out.
void plan_strangers(Draft& draft) {
  if (!draft.members.answers()) return;
  for (const auto& name : known_names(*draft.there.cluster)) {
    const auto& wanted = draft.wanted.machines;
    const bool is_wanted = std::any_of(wanted.begin(), wanted.end(), [&](const auto& one) {
      return one.name == name && one.role != Role::plain;
    });
    if (is_wanted || !draft.index.named(name).empty()) continue;
    const auto* node = draft.members.node(name);
    if (node != nullptr && node->ready) {
      draft.notice("member-unknown", name,
                   fmt::format("the cluster has a node '{}' that the file does not name", name));
      continue;
    }
    const auto consent = "destroy=" + name;
    auto forgetting = make_step(StepKind::forget_member, name, {}, draft.first_node(), Disruption::destroy,
                                {fmt::format("'{}' is dead, and not in the file", name)});
    if (draft.allowed(consent)) {
      draft.left[name] = draft.add(std::move(forgetting));
    } else {
      forgetting.consent = consent;
      draft.hold(std::move(forgetting));
    }
  }
}

void note_newer(Draft& draft) {
  const auto& newer = draft.options.cluster.newer;
  if (!newer.empty())
    draft.notice("release-newer", draft.wanted.cluster->distribution,
                 fmt::format("channel '{}' has {} now; the members stay where they are until 'hlid cluster "
                             "upgrade'",
                             draft.wanted.cluster->channel, newer));
}

}  // namespace

void check_cluster(Draft& draft) {
  refuse_counts(draft);
  refuse_two_clusters(draft);
  refuse_upgrade(draft);
  plan_strangers(draft);
  note_newer(draft);
}

}  // namespace hlid::plan
