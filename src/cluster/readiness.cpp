#include "cluster/readiness.h"

#include <algorithm>

#include "base/text.h"
#include "cluster/journal.h"
#include "cluster/shell.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

using model::Role;

constexpr std::string_view kEvidence = R"sh(
journalctl -u "$1" -b -o cat --no-pager -q -n 200
)sh";

/// A clock that is off by more makes certificates and tokens invalid.
constexpr long long kClockTolerance = 60;
/// Each file of etcd's write-ahead log takes this much before anything is written to it.
constexpr Bytes kFullDisk = mib(64);

Readiness broken(const model::Machine& machine, Rung rung, std::string because, std::string fix) {
  Readiness readiness;
  readiness.machine = machine.name;
  readiness.broken = rung;
  readiness.because = std::move(because);
  readiness.fix = std::move(fix);
  return readiness;
}

std::string journal_command(const model::Machine& machine, std::string_view unit) {
  return fmt::format("hlid ssh {} -- sudo journalctl -u {}", machine.name, unit);
}

std::optional<Readiness> climb_machine(const model::Machine& machine,
                                       const model::ObservedClusterMachine& seen) {
  if (!seen.running) return broken(machine, Rung::running, "it is switched off", "hlid up");
  if (!seen.reachable)
    return broken(machine, Rung::agent, "its guest agent does not answer", "hlid console " + machine.name);
  if (!seen.addressed)
    return broken(machine, Rung::address, "no interface has " + to_string(machine.address.address),
                  "hlid logs " + machine.name);
  return std::nullopt;
}

std::optional<Readiness> climb_unit(const model::Machine& machine, const model::ObservedClusterMachine& seen,
                                    const Traits& traits) {
  const auto unit = traits.unit(machine.role == Role::server);
  if (seen.unit == machine.role && seen.active) return std::nullopt;
  if (seen.unit != Role::plain && seen.unit != machine.role)
    return broken(machine, Rung::unit,
                  fmt::format("{} runs instead of {}", traits.unit(seen.unit == Role::server), unit),
                  "hlid replace " + machine.name);
  if (seen.unit == Role::plain && seen.installed.empty())
    return broken(machine, Rung::unit, "no release is installed", "hlid up");
  const auto state = seen.unit_state.empty() ? "neither enabled nor started" : seen.unit_state;
  auto found =
      broken(machine, Rung::unit, fmt::format("{} is {}", unit, state), journal_command(machine, unit));
  if (std::abs(seen.clock_offset) > kClockTolerance)
    found.because += fmt::format("; its clock is off by {} s", seen.clock_offset);
  return found;
}

/// Until somebody has seen to it and disarmed the alarm; waiting does not help.
Readiness alarmed(const model::Machine& machine, const std::string& alarm) {
  auto readiness =
      broken(machine, Rung::voter,
             alarm == "NOSPACE" ? "etcd has raised the alarm NOSPACE: its database is full"
                                : "etcd has raised the alarm " + alarm + ": its data are damaged",
             alarm == "NOSPACE" ? "hlid explain etcd-nospace" : "hlid explain etcd-corrupt");
  readiness.hopeless = true;
  return readiness;
}

std::optional<Readiness> climb_server(const model::Machine& machine, const model::ObservedCluster& cluster,
                                      const Traits& traits) {
  const auto& seen = *cluster.machine(machine.name);
  if (!seen.supervisor)
    return broken(machine, Rung::supervisor, fmt::format("/v1-{}/readyz does not say ok", traits.name),
                  journal_command(machine, traits.server_unit));
  if (!seen.etcd_alarm.empty()) return alarmed(machine, seen.etcd_alarm);
  const auto* member = cluster.member_of(machine.name);
  if (member != nullptr && member->voting == model::Voting::voter) return std::nullopt;
  if (cluster.members.empty())
    return broken(machine, Rung::voter, "etcd gives no member list: it has no quorum", "hlid status");
  if (member == nullptr)
    return broken(machine, Rung::voter, "etcd has no member of this name", "hlid replace " + machine.name);
  return broken(machine, Rung::voter, "etcd's member " + member->name + " is still a learner",
                journal_command(machine, traits.server_unit));
}

std::optional<Readiness> climb_node(const model::Machine& machine, const model::ObservedCluster& cluster,
                                    const std::string& version, const Traits& traits) {
  const auto fix = journal_command(machine, traits.unit(machine.role == Role::server));
  if (!cluster.answers) return broken(machine, Rung::node, "no server answers for the Nodes", "hlid status");
  const auto* node = cluster.node(machine.name);
  if (node == nullptr) return broken(machine, Rung::node, "no Node of this name has registered", fix);
  if (!node->ready) return broken(machine, Rung::node, "not Ready: " + node->not_ready_because, fix);
  if (!version.empty() && node->version != version)
    return broken(machine, Rung::node, fmt::format("its kubelet runs {}, not {}", node->version, version),
                  fix);
  return std::nullopt;
}

/// What is behind it shows in no journal: etcd's own log is not the unit's.
void tell_full_disk(const model::ObservedClusterMachine& seen, Readiness& readiness) {
  if (!has_full_disk(seen)) return;
  readiness.because += fmt::format("; its disk is full: {} MiB are free", seen.disk_free->mib());
  readiness.fix = "make the 'disk' of its group larger, or free some of it: hlid ssh " + seen.machine;
}

std::optional<Readiness> climb_member(const model::Machine& machine, const model::ObservedCluster& cluster,
                                      const std::string& version, const Traits& traits) {
  if (auto found = climb_unit(machine, *cluster.machine(machine.name), traits)) return found;
  if (machine.role == Role::server)
    if (auto found = climb_server(machine, cluster, traits)) return found;
  return climb_node(machine, cluster, version, traits);
}

/// Journal lines for what is broken above the machine itself; never throws.
void add_evidence(const Site& site, Readiness& readiness) {
  static const std::string text = script("evidence", {kEvidence});
  const auto& traits = traits_of(site.wanted().distribution);
  if (readiness.ready() || *readiness.broken < Rung::unit) return;
  try {
    const bool server = site.machine(readiness.machine).role == Role::server;
    const auto ran = site.fleet.guest(readiness.machine)->run(text, {std::string(traits.unit(server))});
    auto lines = split(ran.output, '\n');
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    readiness.evidence = telling_lines(traits, lines);
    if (*readiness.broken != Rung::unit) return;
    if (const auto* trouble = last_known_trouble(traits, lines)) {
      readiness.because += ": " + std::string(trouble->reason);
      readiness.fix = replace_all(std::string(trouble->fix), "NAME", readiness.machine);
      readiness.hopeless = !trouble->retried;
    }
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
  }
}

}  // namespace

std::string_view to_string(Rung rung) {
  switch (rung) {
    case Rung::running:
      return "running";
    case Rung::agent:
      return "agent";
    case Rung::address:
      return "address";
    case Rung::unit:
      return "unit";
    case Rung::supervisor:
      return "supervisor";
    case Rung::voter:
      return "voter";
    case Rung::node:
      return "node";
  }
  return "unknown";
}

bool has_full_disk(const model::ObservedClusterMachine& seen) {
  return seen.disk_free && *seen.disk_free < kFullDisk;
}

Readiness climb(const model::Machine& machine, const model::ObservedCluster& cluster,
                const std::string& version, const Traits& traits) {
  const auto* seen = cluster.machine(machine.name);
  if (seen == nullptr) return broken(machine, Rung::running, "it was not looked at", "hlid status");
  if (auto found = climb_machine(machine, *seen)) return *found;
  if (auto found = climb_member(machine, cluster, version, traits)) {
    tell_full_disk(*seen, *found);
    return *found;
  }
  Readiness ready;
  ready.machine = machine.name;
  return ready;
}

std::vector<Readiness> look(const Site& site, const model::ObservedCluster& observed) {
  const auto& traits = traits_of(site.wanted().distribution);
  std::vector<Readiness> all;
  for (const auto& seen : observed.machines) {
    auto readiness = climb(site.machine(seen.machine), observed, "", traits);
    all.push_back(std::move(readiness));
  }
  sys::in_parallel(all.size(), site.at_once, [&](std::size_t i) { add_evidence(site, all[i]); });
  return all;
}

Error as_error(const Readiness& readiness, Errc code) {
  std::string text = fmt::format("{} is not ready: link '{}' does not hold: {}", readiness.machine,
                                 to_string(readiness.broken.value_or(Rung::node)), readiness.because);
  for (const auto& line : readiness.evidence) text += "\n  | " + line;
  Error error(code, std::move(text));
  error.with_hint(readiness.fix);
  return error;
}

}  // namespace hlid::cluster
