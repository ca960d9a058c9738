#include <algorithm>
#include <set>

#include "base/text.h"
#include "cluster/form.h"

namespace hlid::cluster {
namespace {

const MachineFacts& facts_of(const std::vector<MachineFacts>& servers, const std::string& name) {
  for (const auto& facts : servers)
    if (facts.seen.machine == name) return facts;
  throw Error(Errc::not_found, "'{}' is no server of the file", name);
}

[[noreturn]] void refuse_two(const std::string& one, const std::string& other, const std::string& because) {
  throw Error(Errc::conflict, "two-clusters: '{}' and '{}' belong to different clusters: {}", one, other,
              because)
      .with_hint("keep one: hlid replace NAME for each machine of the other");
}

bool share_a_member(const std::vector<model::ObservedEtcdMember>& one,
                    const std::vector<model::ObservedEtcdMember>& other) {
  return std::any_of(one.begin(), one.end(), [&](const auto& member) {
    return std::any_of(other.begin(), other.end(), [&](const auto& twin) { return twin.id == member.id; });
  });
}

std::string names_of(const std::vector<model::ObservedEtcdMember>& members) {
  std::vector<std::string> names;
  for (const auto& member : members) names.push_back(member.name.empty() ? member.peer_url : member.name);
  return hlid::join(names, ", ");
}

/// It has made its own CA, or is about to, without a server to join: if it is let alone it will be a cluster.
bool founds(const MachineFacts& facts) {
  const auto& seen = facts.seen;
  if (seen.has_datastore || !seen.server_url.empty()) return false;
  return !seen.ca_hash.empty() || seen.active || seen.unit_state.starts_with("activating");
}

void require_all_seen(const std::vector<MachineFacts>& servers, const std::string& name) {
  std::vector<std::string> silent;
  for (const auto& facts : servers)
    if (facts.exists && !facts.seen.reachable)
      silent.push_back(fmt::format("'{}' ({})", facts.seen.machine, facts.why_unreachable));
  if (silent.empty()) return;
  throw Error(
      Errc::precondition,
      "server-unreachable: no new cluster is founded on '{}' while a server that may have the old one's data "
      "cannot be looked at: {}",
      name, hlid::join(silent, ", "))
      .with_hint("bring it up (hlid up, hlid console NAME), or hlid destroy NAME if it is lost for good");
}

}  // namespace

void require_one_cluster(const std::vector<MachineFacts>& servers) {
  const MachineFacts* first = nullptr;
  const MachineFacts* lister = nullptr;
  for (const auto& facts : servers) {
    const auto& seen = facts.seen;
    if (facts.members) {
      if (lister != nullptr && !share_a_member(*lister->members, *facts.members))
        refuse_two(lister->seen.machine, seen.machine,
                   fmt::format("etcd has {} on the one and {} on the other", names_of(*lister->members),
                               names_of(*facts.members)));
      if (lister == nullptr) lister = &facts;
    }
    if (!seen.has_datastore || seen.ca_hash.empty()) continue;
    if (first != nullptr && first->seen.ca_hash != seen.ca_hash)
      refuse_two(first->seen.machine, seen.machine,
                 fmt::format("their CAs are {}… and {}…", first->seen.ca_hash.substr(0, 12),
                             seen.ca_hash.substr(0, 12)));
    if (first == nullptr) first = &facts;
  }
}

Way decide_way(const std::vector<MachineFacts>& servers, const std::string& name) {
  const auto& self = facts_of(servers, name);
  require_one_cluster(servers);
  if (self.seen.has_datastore) return Way::resume;
  const MachineFacts* rival = nullptr;
  for (const auto& facts : servers) {
    if (facts.seen.machine == name) continue;
    if (facts.seen.has_datastore) return Way::join;
    if (founds(facts)) rival = &facts;
  }
  require_all_seen(servers, name);
  if (rival != nullptr)
    throw Error(Errc::conflict, "founding: '{}' has begun to found the cluster, so '{}' must not",
                rival->seen.machine, name)
        .with_hint("hlid up goes on with it; hlid replace " + rival->seen.machine + " gives it up");
  return Way::found;
}

}  // namespace hlid::cluster
