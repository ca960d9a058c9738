#include "cluster/probe.h"

#include <chrono>

#include "cluster/shell.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kNodes = R"sh(
kubectl=$1 kubeconfig=$2
answer=$(kube get nodes -o json) || exit 1
printf '%s\n' "$answer" | slim
)sh";

/// Under emulation the programs that a script calls take many times longer.
milliseconds patient(const Site& site, std::chrono::seconds usual) {
  return std::chrono::duration_cast<milliseconds>(usual * site.patience);
}

MachineFacts ask(const Site& site, const model::Machine& machine, Guest& guest) {
  const auto ran =
      guest.run(probe_script(), probe_arguments(site.lab), patient(site, std::chrono::seconds(60)));
  auto facts = parse_probe(ran.output, site.lab, machine);
  facts.seen.clock_offset -= site.clock.unix_seconds();
  compare_config(site.lab, machine, facts);
  return facts;
}

}  // namespace

MachineFacts probe_machine(const Site& site, const std::string& name) {
  const auto& machine = site.machine(name);
  MachineFacts facts;
  facts.seen.machine = name;
  try {
    const auto guest = site.fleet.guest(name);
    facts.seen.running = site.fleet.runs(name);
    if (!facts.seen.running) {
      facts.why_unreachable = "it is switched off";
      return facts;
    }
    return ask(site, machine, *guest);
  } catch (const Error& error) {  // what a silent machine means is for the caller to say
    if (error.code() == Errc::interrupted) throw;
    facts.exists = error.code() != Errc::not_found;
    facts.why_unreachable = error.what();
    return facts;
  }
}

std::vector<MachineFacts> probe_machines(const Site& site, const std::vector<std::string>& names) {
  std::vector<MachineFacts> facts(names.size());
  sys::in_parallel(names.size(), site.at_once,
                   [&](std::size_t i) { facts[i] = probe_machine(site, names[i]); });
  return facts;
}

std::vector<MachineFacts> probe_servers(const Site& site) {
  std::vector<std::string> names;
  for (const auto* server : site.servers()) names.push_back(server->name);
  return probe_machines(site, names);
}

std::optional<std::vector<model::ObservedNodeObject>> read_nodes(const Site& site, Guest& server) {
  static const std::string text = script("nodes", {kShellKube, kNodes});
  const auto& traits = traits_of(site.wanted().distribution);
  const auto ran = server.run(text, {std::string(traits.kubectl), std::string(traits.kubeconfig)},
                              patient(site, std::chrono::seconds(30)));
  if (!ran.ok()) return std::nullopt;
  return parse_nodes(ran.output);
}

model::ObservedCluster observe(const Site& site) {
  std::vector<std::string> names;
  for (const auto& machine : site.lab.machines)
    if (machine.role != model::Role::plain) names.push_back(machine.name);
  auto cluster = merge(probe_machines(site, names));
  if (cluster.answered_by.empty()) return cluster;
  try {
    if (auto nodes = read_nodes(site, *site.fleet.guest(cluster.answered_by))) {
      cluster.nodes = std::move(*nodes);
      cluster.answers = true;
    }
  } catch (const Error& error) {  // it answered a moment ago: seen as it is now
    if (error.code() == Errc::interrupted) throw;
  }
  return cluster;
}

}  // namespace hlid::cluster
