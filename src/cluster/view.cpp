#include "cluster/view.h"

#include <algorithm>
#include <chrono>

#include "cluster/enrol.h"
#include "cluster/readiness.h"

namespace hlid::cluster {
namespace {

using std::chrono::seconds;

constexpr seconds kServerDeadline{900};

bool is_at(const model::ObservedEtcdMember& member, const model::Machine& machine) {
  return member.peer_url.find("//" + to_string(machine.address.address) + ":") != std::string::npos;
}

[[noreturn]] void give_up(const Site& site, const model::Machine& machine, const View& view) {
  std::vector<MachineFacts> others;
  for (const auto& facts : view.servers)
    if (facts.seen.machine != machine.name && facts.seen.has_datastore) others.push_back(facts);
  for (const auto& readiness : look(site, merge(std::move(others))))
    if (!readiness.ready())
      throw as_error(readiness, Errc::timeout)
          .add_context(fmt::format("'{}' waits for a server that answers", machine.name));
  throw Error(Errc::timeout, "'{}' waits for a server that answers: none did", machine.name)
      .with_hint("hlid status");
}

}  // namespace

const MachineFacts& View::server(const std::string& name) const {
  return *std::find_if(servers.begin(), servers.end(),
                       [&](const auto& facts) { return facts.seen.machine == name; });
}

bool View::any_datastore(const std::string& except) const {
  return std::any_of(servers.begin(), servers.end(), [&](const auto& facts) {
    return facts.seen.machine != except && facts.seen.has_datastore;
  });
}

View take_view(const Site& site, const model::Machine& machine) {
  std::vector<std::string> names;
  for (const auto* server : site.servers()) names.push_back(server->name);
  if (machine.role != model::Role::server) names.push_back(machine.name);
  View view;
  view.servers = probe_machines(site, names);
  for (const auto& facts : view.servers)
    if (facts.seen.machine == machine.name) view.self = facts;
  if (machine.role != model::Role::server) view.servers.pop_back();
  view.through = answering_server(view.servers, machine.name);
  return view;
}

View wait_for_server(const Site& site, const model::Machine& machine, View view) {
  const auto start = site.clock.now();
  while (!view.through) {
    site.phase("waiting for a server that answers");
    // A server that is silent now may have data; only if all are seen to have none, there is nothing to wait
    // for.
    const bool all_seen = std::all_of(view.servers.begin(), view.servers.end(), [](const auto& facts) {
      return facts.seen.reachable || !facts.exists;
    });
    if (all_seen && !view.any_datastore(machine.name))
      throw Error(Errc::precondition, "there is no cluster yet that '{}' could join", machine.name)
          .with_hint("hlid up forms it on the first server");
    if (site.clock.now() - start >= kServerDeadline * site.patience) give_up(site, machine, view);
    revive(site, view.servers, machine.name);
    if (!site.clock.sleep(seconds(2), site.stop))
      throw Error(Errc::interrupted, "stopped while '{}' waited for a server", machine.name);
    view = take_view(site, machine);
    require_one_cluster(view.servers);
  }
  return view;
}

std::vector<model::ObservedEtcdMember> former_members(const View& view, const model::Machine& machine) {
  std::vector<model::ObservedEtcdMember> former;
  if (!view.through) return former;
  for (const auto& member : *view.server(*view.through).members)
    if (member.node == machine.name && (view.self.etcd_name.empty() || member.name != view.self.etcd_name))
      former.push_back(member);
  return former;
}

bool was_removed(const View& view, const model::Machine& machine) {
  if (!view.through || !view.self.seen.has_datastore || view.self.seen.supervisor) return false;
  const auto& members = *view.server(*view.through).members;
  return std::none_of(members.begin(), members.end(), [&](const auto& member) {
    if (member.name.empty()) return is_at(member, machine);
    return view.self.etcd_name.empty() ? member.node == machine.name : member.name == view.self.etcd_name;
  });
}

}  // namespace hlid::cluster
