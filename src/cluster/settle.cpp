#include <chrono>
#include <mutex>

#include "base/text.h"
#include "cluster/config.h"
#include "cluster/form.h"
#include "cluster/neighbours.h"
#include "cluster/traits.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

using std::chrono::seconds;

constexpr seconds kVipDeadline{180};
constexpr seconds kServerDeadline{180};

/// The drop-in that is in place, with no other change than `server:`: a configuration that still has to be
/// applied in its turn is not slipped in here.
std::string with_server(const std::string& text, const std::string& url) {
  std::string changed;
  for (const auto& line : split(text, '\n'))
    if (!line.empty() && !line.starts_with("server:") && !line.starts_with("cluster-init:"))
      changed += line + "\n";
  return changed + "server: \"" + url + "\"\n";
}

std::string settled_config(const Site& site, const model::Machine& machine, const std::string& in_place) {
  if (config_hash(in_place) == config_hash(site.lab, machine))
    return render_config(site.lab, machine, Stage::settled);
  return with_server(in_place, settled_url(site.lab, machine));
}

void settle_machine(const Site& site, const model::Machine& machine) {
  if (settled_url(site.lab, machine).empty()) return;
  const auto guest = site.fleet.guest(machine.name);
  const auto path = config_path(site.wanted().distribution);
  const auto in_place = guest->read_file(path);
  if (!in_place) return;  // it is no part of the cluster yet: join() writes all of it
  const auto wanted = settled_config(site, machine, *in_place);
  if (wanted != *in_place) place_files(*guest, {{path, wanted, "0644"}});
}

void await_vip(const Site& site, const std::vector<MachineFacts>& servers, const std::string& through) {
  if (!site.wanted().vip) return;
  const auto vip = *site.wanted().vip;
  const auto& traits = traits_of(site.wanted().distribution);
  const auto guest = site.fleet.guest(through);
  std::string ca;
  for (const auto& facts : servers)
    if (facts.seen.machine == through) ca = facts.seen.ca_hash;
  const auto start = site.clock.now();
  site.phase("waiting for the VIP " + to_string(vip));
  while (true) {
    const auto answering = neighbours(site, *guest, {vip});
    const auto found = answering.find(vip);
    if (found != answering.end() && found->second == ca) return;
    if (found != answering.end())
      throw Error(Errc::conflict, "two-clusters: the VIP {} answers with another CA than '{}' has",
                  to_string(vip), through)
          .with_hint(
              "another machine has this address: choose another cluster.vip, or switch that machine off");
    if (site.clock.now() - start >= kVipDeadline * site.patience)
      throw Error(Errc::timeout, "the VIP {} does not answer: no server has taken it", to_string(vip))
          .with_hint(fmt::format("hlid ssh {} -- sudo {} --kubeconfig {} -n kube-system describe pods",
                                 through, traits.kubectl, traits.kubeconfig));
    if (!site.clock.sleep(seconds(1), site.stop))
      throw Error(Errc::interrupted, "stopped while waiting for the VIP");
  }
}

/// All servers, once one of them answers: when the last have just joined, a busy host can keep every one from
/// it.
std::vector<MachineFacts> await_server(const Site& site) {
  const auto start = site.clock.now();
  while (true) {
    auto servers = probe_servers(site);
    require_one_cluster(servers);
    if (answering_server(servers)) return servers;
    site.phase("waiting for a server that answers");
    if (site.clock.now() - start >= kServerDeadline * site.patience)
      throw Error(Errc::timeout, "no server answers, so nothing is settled yet").with_hint("hlid status");
    if (!site.clock.sleep(seconds(2), site.stop))
      throw Error(Errc::interrupted, "stopped while waiting for a server that answers");
  }
}

}  // namespace

void settle(const Site& site) {
  const auto servers = await_server(site);
  await_vip(site, servers, *answering_server(servers));
  site.phase("writing where the cluster is found");
  std::vector<const model::Machine*> members = site.servers();
  for (const auto* agent : site.agents()) members.push_back(agent);
  sys::in_parallel(members.size(), site.at_once, [&](std::size_t i) {
    with_context(fmt::format("'{}'", members[i]->name), [&] { settle_machine(site, *members[i]); });
  });
}

}  // namespace hlid::cluster
