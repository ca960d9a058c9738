#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "cluster/clocks.h"
#include "cluster/enrol.h"
#include "cluster/form.h"
#include "cluster/former.h"
#include "cluster/neighbours.h"
#include "cluster/poll.h"
#include "cluster/quorum.h"
#include "cluster/view.h"

namespace hlid::cluster {
namespace {

using model::Role;
using std::chrono::seconds;

constexpr seconds kReachWithin{60};
/// How long a running unit may take to register its Node before it is taken for one whose Node was deleted: a
/// kubelet registers only when it starts.
constexpr seconds kRegistersWithin{60};

/// The cluster as it looks now, through `server`; nullopt: its API does not answer.
std::optional<model::ObservedCluster> cluster_through(const Site& site, const View& view,
                                                      const std::string& server,
                                                      const model::Machine& machine) {
  const auto nodes = read_nodes(site, *site.fleet.guest(server));
  if (!nodes) return std::nullopt;
  auto facts = view.servers;
  if (machine.role != Role::server) facts.push_back(view.self);
  auto cluster = merge(std::move(facts));
  cluster.nodes = *nodes;
  cluster.answers = true;
  return cluster;
}

/// Nothing is left to do.
bool works(const Site& site, const model::Machine& machine, const View& view) {
  if (!view.self.seen.active) return false;
  const auto server = answering_server(view.servers);
  if (!server) return false;
  const auto cluster = cluster_through(site, view, *server, machine);
  return cluster && climb(machine, *cluster, "", traits_of(site.wanted().distribution)).ready();
}

void require_self(const model::Machine& machine, const View& view) {
  if (view.self.seen.reachable) return;
  throw Error(Errc::timeout, "'{}' does not answer: {}", machine.name, view.self.why_unreachable)
      .with_hint("hlid console " + machine.name);
}

/// Restarts a running unit whose Node is gone.
void register_again(const Site& site, Guest& guest, const model::Machine& machine,
                    const std::string& through) {
  const auto view = take_view(site, machine);
  if (machine.role == Role::server) {
    const auto cluster = cluster_through(site, view, through, machine);
    if (cluster) require(may(ServerChange::restart, machine.name, *cluster), "restart", machine.name);
  }
  start_and_await(site, guest, machine, view.self, true);
}

bool node_is_gone(const Site& site, const std::string& through, const std::string& name) {
  const auto nodes = read_node(site, *site.fleet.guest(through), name);
  return nodes && nodes->empty();
}

/// A unit that is active already: what is missing is only its Node, or time.
void await_running(const Site& site, Guest& guest, const model::Machine& machine, const View& view) {
  Awaited awaited;
  awaited.since = start_unit(site, guest, machine);
  const auto through = answering_server(view.servers);
  if (through && node_is_gone(site, *through, machine.name)) {
    awaited.deadline = kRegistersWithin;
    try {
      return await_ready(site, machine.name, awaited);
    } catch (const Error& error) {
      if (error.code() != Errc::timeout || !node_is_gone(site, *through, machine.name)) throw;
    }
    return register_again(site, guest, machine, *through);
  }
  await_ready(site, machine.name, awaited);
}

/// A server with its datastore: it starts as the member that it is, whatever `server:` says. Its
/// configuration is left as it is (reconfigure_member() changes it in its turn); only what is not there at
/// all is written.
void resume(const Site& site, const model::Machine& machine, const View& view, const Materials& materials) {
  const auto guest = site.fleet.guest(machine.name);
  revive(site, view.servers, machine.name);
  bool changed = false;
  if (!guest->read_file(config_path(site.wanted().distribution))) {
    Secret token;
    if (!guest->read_file(token_path(site.wanted().distribution)))
      token = read_token(site, *guest, Role::server).value_or(Secret());
    changed = enrol(site, *guest, machine, view.self, {Stage::settled, "", token, materials});
  }
  if (view.self.seen.active && !changed) return await_running(site, *guest, machine, view);
  start_and_await(site, *guest, machine, view.self, changed);
}

/// It really was removed only if a list that is younger than the sight of its datastore lacks it.
bool is_removed(const Site& site, const model::Machine& machine, View& view) {
  if (!was_removed(view, machine)) return false;
  const auto before = view.self;
  view = take_view(site, machine);
  View with_old_self = view;
  with_old_self.self = before;
  with_old_self.self.seen.supervisor = view.self.seen.supervisor;
  return was_removed(with_old_self, machine);
}

/// Where the machine can reach the cluster: the VIP if it answers already, else the server that answers.
std::string reachable_url(const Site& site, Guest& guest, const model::Machine& machine, const View& view) {
  const auto& server = site.machine(*view.through);
  const auto& ca = view.server(*view.through).seen.ca_hash;
  std::vector<Ipv4> addresses{server.address.address};
  if (site.wanted().vip) addresses.insert(addresses.begin(), *site.wanted().vip);
  const auto start = site.clock.now();
  while (true) {
    const auto answering = neighbours(site, guest, addresses);
    for (const auto address : addresses) {
      const auto found = answering.find(address);
      if (found == answering.end()) continue;
      if (found->second == ca) return server_url(site.wanted().distribution, address);
      throw Error(Errc::conflict, "two-clusters: {} answers '{}' with another CA than '{}' has",
                  to_string(address), machine.name, server.name)
          .with_hint("another machine has this address: give it another, or switch that machine off");
    }
    if (site.clock.now() - start >= kReachWithin * site.patience)
      throw Error(Errc::timeout,
                  "'{}' cannot reach the server '{}' at {}, which works: something between them drops it",
                  machine.name, server.name, server_url(site.wanted().distribution, addresses.back()))
          .with_hint("look at firewalls on both; hlid ssh " + machine.name);
    if (!site.clock.sleep(seconds(1), site.stop))
      throw Error(Errc::interrupted, "stopped while '{}' looked for a server", machine.name);
  }
}

Secret cluster_token(const Site& site, const View& view, Role role) {
  const auto through = site.fleet.guest(*view.through);
  const auto token = read_token(site, *through, role);
  if (!token)
    throw Error(Errc::failed, "'{}' answers for the cluster but has no token file", *view.through)
        .with_hint("hlid status");
  return *token;
}

void join_anew(const Site& site, const model::Machine& machine, View view, const Materials& materials) {
  view = forget_former(site, machine, wait_for_server(site, machine, std::move(view)));
  const auto guest = site.fleet.guest(machine.name);
  const auto& ca = view.server(*view.through).seen.ca_hash;
  if (machine.role == Role::server && !view.self.seen.ca_hash.empty() && view.self.seen.ca_hash != ca) {
    // Half made for a cluster that is no more; without a datastore nothing in it is anybody's.
    set_aside(site, *guest, machine, "server", "stale");
    view.self = probe_machine(site, machine.name);
  }
  const auto url = reachable_url(site, *guest, machine, view);
  require_same_time(site, view.self, view.server(*view.through));
  const bool changed = enrol(site, *guest, machine, view.self,
                             {Stage::joining, url, cluster_token(site, view, machine.role), materials});
  start_and_await(site, *guest, machine, view.self, changed);
}

}  // namespace

void join(const Site& site, const std::string& name, const Materials& materials) {
  const auto& machine = site.machine(name);
  if (machine.role == Role::plain)
    throw Error(Errc::precondition, "'{}' has no role in the cluster", name)
        .with_hint("role: server or agent");
  site.phase("looking at the cluster");
  auto view = take_view(site, machine);
  require_one_cluster(view.servers);
  require_self(machine, view);
  if (works(site, machine, view)) return;
  if (machine.role == Role::server && view.self.seen.has_datastore) {
    if (!is_removed(site, machine, view)) return resume(site, machine, view, materials);
    set_aside(site, *site.fleet.guest(name), machine, "server/db/etcd", "removed");
    view = take_view(site, machine);
  } else if (machine.role == Role::agent && view.self.seen.active) {
    return await_running(site, *site.fleet.guest(name), machine, view);
  }
  join_anew(site, machine, std::move(view), materials);
}

}  // namespace hlid::cluster
