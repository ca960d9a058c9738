#include "cluster/form.h"

#include <algorithm>

#include "base/text.h"
#include "cluster/clocks.h"
#include "cluster/enrol.h"
#include "cluster/neighbours.h"

namespace hlid::cluster {
namespace {

const MachineFacts& facts_of(const std::vector<MachineFacts>& servers, const std::string& name) {
  return *std::find_if(servers.begin(), servers.end(),
                       [&](const auto& facts) { return facts.seen.machine == name; });
}

/// Nobody of the file has a datastore; nobody else may answer for a cluster at our addresses either.
void require_silence(const Site& site, Guest& guest, const model::Machine& machine) {
  std::vector<Ipv4> addresses;
  if (site.wanted().vip) addresses.push_back(*site.wanted().vip);
  for (const auto* server : site.servers())
    if (server->name != machine.name) addresses.push_back(server->address.address);
  if (addresses.empty()) return;
  const auto answering = neighbours(site, guest, addresses);
  if (answering.empty()) return;
  throw Error(Errc::conflict,
              "two-clusters: a cluster answers at {}, although no server of the file has its data; '{}' "
              "founds no second "
              "one",
              to_string(answering.begin()->first), machine.name)
      .with_hint("another machine has this address: give it another, or switch that machine off");
}

/// Certificates that a founder with a clock ahead makes begin in the future, and still do once its clock is
/// mended. So those that will join are looked at before anything is made.
void require_right_clock(const Site& site, const MachineFacts& founder, std::vector<MachineFacts> others) {
  if (others.size() == 1) {
    std::vector<std::string> agents;
    for (const auto* agent : site.agents()) agents.push_back(agent->name);
    others = probe_machines(site, agents);
  }
  for (const auto& other : others)
    if (other.seen.reachable && other.seen.machine != founder.seen.machine)
      require_same_time(site, founder, other);
}

/// The token that the new cluster is made with. It stays what it was once it is written: the cluster's data
/// is encrypted with it.
Secret founding_token(const Site& site, Guest& guest) {
  if (guest.read_file(token_path(site.wanted().distribution))) return {};
  if (const auto half_made = read_token(site, guest, model::Role::server)) {
    const auto& text = half_made->reveal();
    return Secret(text.substr(text.rfind(':') + 1));
  }
  return Secret(hex_encode(site.random.bytes(32)));
}

void found(const Site& site, const model::Machine& machine, const MachineFacts& facts,
           const Materials& materials) {
  const auto guest = site.fleet.guest(machine.name);
  require_silence(site, *guest, machine);
  const bool changed =
      enrol(site, *guest, machine, facts, {Stage::first_boot, "", founding_token(site, *guest), materials});
  start_and_await(site, *guest, machine, facts, changed);
}

}  // namespace

void form(const Site& site, const std::string& name, const Materials& materials) {
  const auto& machine = site.machine(name);
  if (machine.role != model::Role::server)
    throw Error(Errc::precondition, "'{}' is no server, so it cannot be the first of a cluster", name);
  site.phase("looking at all servers");
  const auto servers = probe_servers(site);
  const auto& facts = facts_of(servers, name);
  const auto way = decide_way(servers, name);
  if (!facts.seen.reachable)
    throw Error(Errc::timeout, "'{}' does not answer: {}", name, facts.why_unreachable)
        .with_hint("hlid console " + name);
  if (way != Way::found) return join(site, name, materials);
  require_right_clock(site, facts, servers);
  found(site, machine, facts, materials);
}

}  // namespace hlid::cluster
