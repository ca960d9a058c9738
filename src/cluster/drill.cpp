#include "cluster/drill.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/cordon.h"
#include "cluster/probe.h"
#include "cluster/quorum.h"
#include "cluster/readiness.h"
#include "cluster/strangers.h"
#include "cluster/teardown.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kRecovery{600};

// $1 kubectl, $2 kubeconfig, $3 node, $4 value. A write that etcd must agree to.
constexpr std::string_view kWrite = R"sh(# hlid:drill-write
"$1" --kubeconfig "$2" --request-timeout=3s annotate node "$3" "hlid.dev/drill=$4" --overwrite
)sh";

std::string voter_called(const model::ObservedCluster& observed, const std::string& name) {
  const auto* member = observed.member_of(name);
  return member && member->voting == model::Voting::voter ? name : "";
}

std::string leader_of(const model::ObservedCluster& observed) {
  for (const auto& member : observed.members)
    if (member.leader) return voter_called(observed, member.node);
  return "";
}

/// One blow and the time from it.
class Measurement {
 public:
  Measurement(const Site& site, Drill drill, std::string victim)
      : site_(site), traits_(traits_of(site.wanted().distribution)) {
    report_.drill = drill;
    report_.victim = std::move(victim);
  }

  DrillReport run(const model::ObservedCluster& before) {
    witness_ = other_server(before, report_.victim);
    const auto victim = site_.fleet.guest(report_.victim);
    held_vip_ = before.vip_holder == report_.victim;
    site_.phase("breaking " + report_.victim);
    start_ = site_.clock.now();
    strike(*victim);
    try {
      measure_survivors();
    } catch (const Error&) {
      heal(*victim);
      throw;
    }
    heal(*victim);
    await_ready(site_.about(report_.victim), report_.victim);
    measure_wholeness();
    return report_;
  }

 private:
  milliseconds since_the_blow() const {
    return std::chrono::duration_cast<milliseconds>(site_.clock.now() - start_);
  }
  bool in_time() const { return site_.clock.now() - start_ < seconds(kRecovery) * site_.patience; }

  void strike(Guest& victim) {
    if (report_.drill == Drill::power)
      victim.cut_power();
    else
      kill_all(site_, victim, false);
  }

  void heal(Guest& victim) {
    site_.phase("bringing back " + report_.victim);
    if (report_.drill == Drill::power)
      victim.power_on();  // its unit is enabled
    else
      start_unit(site_, victim, site_.machine(report_.victim));
  }

  /// While the victim stays down: whether the others take a write, and who has the VIP.
  void measure_survivors() {
    site_.phase("measuring how the others recover");
    const auto witness = site_.fleet.guest(witness_);
    while (in_time() && (!report_.api_answers || (held_vip_ && !report_.vip_moved))) {
      if (!report_.api_answers && writes(*witness)) report_.api_answers = since_the_blow();
      if (held_vip_ && !report_.vip_moved && vip_is_elsewhere()) report_.vip_moved = since_the_blow();
      pause();
    }
  }

  bool writes(Guest& witness) {
    try {
      return witness
          .run(kWrite,
               {std::string(traits_.kubectl), std::string(traits_.kubeconfig), witness_,
                std::to_string(since_the_blow().count())},
               seconds(20))
          .ok();
    } catch (const Error& error) {
      if (error.code() == Errc::interrupted) throw;
      return false;
    }
  }

  bool vip_is_elsewhere() {
    std::vector<std::string> others;
    for (const auto* server : site_.servers())
      if (server->name != report_.victim) others.push_back(server->name);
    const auto facts = probe_machines(site_, others);
    return std::any_of(facts.begin(), facts.end(), [](const auto& one) { return one.holds_vip; });
  }

  void measure_wholeness() {
    while (in_time()) {
      const auto observed = observe_with_strangers(site_);
      const bool all_ready = std::all_of(observed.nodes.begin(), observed.nodes.end(),
                                         [](const auto& node) { return node.ready; });
      if (observed.answers && ill_servers(observed).empty() && all_ready) {
        report_.whole_again = since_the_blow();
        return;
      }
      pause();
    }
    throw Error(Errc::failed, "the cluster is not whole again {} s after the drill: {}",
                std::chrono::duration_cast<seconds>(since_the_blow()).count(),
                join(ill_servers(observe_with_strangers(site_)), "; "))
        .with_hint("hlid status shows the first broken link of each; hlid up mends what it can");
  }

  void pause() {
    if (!site_.clock.sleep(seconds(1), site_.stop)) throw Error(Errc::interrupted, "the drill was stopped");
  }

  const Site& site_;
  const Traits& traits_;
  DrillReport report_;
  std::string witness_;
  bool held_vip_ = false;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace

std::string_view to_string(Drill drill) {
  switch (drill) {
    case Drill::master:
      return "master";
    case Drill::vip:
      return "vip";
    case Drill::power:
      return "power";
  }
  return "";
}

std::optional<Drill> parse_drill(std::string_view text) {
  for (const auto drill : {Drill::master, Drill::vip, Drill::power})
    if (text == to_string(drill)) return drill;
  return std::nullopt;
}

std::string drill_victim(Drill drill, const model::ObservedCluster& observed) {
  if (!observed.answers || observed.voters() < 3)
    throw Error(Errc::precondition, "a drill needs three voting servers, the cluster has {}",
                observed.voters())
        .with_hint("with fewer, losing one is an outage and no drill");
  const auto victim =
      drill == Drill::vip ? voter_called(observed, observed.vip_holder.value_or("")) : leader_of(observed);
  if (victim.empty())
    throw Error(Errc::precondition, drill == Drill::vip ? "no server holds the VIP" : "etcd names no leader")
        .with_hint("hlid status shows the members and who holds the VIP");
  return victim;
}

DrillReport drill(const Site& site, Drill kind) {
  const auto observed = observe_with_strangers(site);
  const auto victim = drill_victim(kind, observed);
  require(
      {ill_servers(observed), "hlid status shows the first broken link of each; hlid up mends what it can"},
      "break", victim);
  return Measurement(site, kind, victim).run(observed);
}

}  // namespace hlid::cluster
