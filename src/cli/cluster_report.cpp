#include "cli/cluster_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::cli {
namespace {

using model::Machine;
using model::ObservedCluster;
using model::Role;
using model::Voting;

std::string role_text(Role role) {
  return role == Role::server ? "server" : "agent";
}

const cluster::Readiness* ladder_of(const ClusterLook& look, const std::string& name) {
  for (const auto& ladder : look.ladders)
    if (ladder.machine == name) return &ladder;
  return nullptr;
}

/// What really runs, or what lies there and does not.
std::string version_text(const ObservedCluster& observed, const std::string& name) {
  if (const auto* node = observed.node(name); node != nullptr && !node->version.empty()) return node->version;
  const auto* seen = observed.machine(name);
  if (seen == nullptr) return "-";
  if (!seen->running_version.empty()) return seen->running_version;
  return seen->installed.empty() ? "-" : "(" + seen->installed + ")";
}

std::string etcd_text(const ObservedCluster& observed, const Machine& machine) {
  const auto* member = observed.member_of(machine.name);
  if (machine.role != Role::server || member == nullptr) return "-";
  if (member->leader) return "leader";
  return member->voting == Voting::voter ? "voter" : "learner";
}

std::string node_text(const ObservedCluster& observed, const std::string& name) {
  const auto* node = observed.node(name);
  if (node == nullptr) return "-";
  return std::string(node->ready ? "Ready" : "NotReady") + (node->cordoned ? ",cordoned" : "");
}

std::string days_text(const ObservedCluster& observed, const std::string& name) {
  const auto* seen = observed.machine(name);
  if (seen == nullptr || !seen->certificate_days) return "-";
  return *seen->certificate_days < 0 ? "ended" : fmt::format("{} d", *seen->certificate_days);
}

/// What is broken, in a word.
std::string_view lack_text(cluster::Rung rung) {
  switch (rung) {
    case cluster::Rung::running:
      return "off";
    case cluster::Rung::agent:
      return "no agent";
    case cluster::Rung::address:
      return "no address";
    case cluster::Rung::unit:
      return "no service";
    case cluster::Rung::supervisor:
      return "no supervisor";
    case cluster::Rung::voter:
      return "no vote";
    case cluster::Rung::node:
      return "no ready Node";
  }
  return "unknown";
}

std::string state_text(const ClusterLook& look, const std::string& name) {
  const auto* ladder = ladder_of(look, name);
  if (ladder == nullptr) return "unknown";
  if (ladder->ready()) return look.observed.vip_holder == name ? "ready, has the VIP" : "ready";
  return std::string(lack_text(*ladder->broken));
}

bool is_of_file(const model::Homelab& lab, const std::string& name) {
  return std::any_of(lab.machines.begin(), lab.machines.end(),
                     [&](const auto& machine) { return machine.name == name; });
}

std::string leader_of(const ObservedCluster& observed) {
  for (const auto& member : observed.members)
    if (member.leader) return member.node;
  return "";
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(json::string(text));
}

json::object member_json(const ClusterLook& look, const Machine& machine) {
  const auto& observed = look.observed;
  const auto* seen = observed.machine(machine.name);
  const auto* node = observed.node(machine.name);
  const auto* ladder = ladder_of(look, machine.name);
  json::object out{{"name", machine.name},
                   {"role", role_text(machine.role)},
                   {"ready", ladder != nullptr && ladder->ready()},
                   {"version", text_or_null(node != nullptr ? node->version : "")},
                   {"installed", text_or_null(seen != nullptr ? seen->installed : "")},
                   {"etcd", etcd_text(observed, machine)},
                   {"node", node_text(observed, machine.name)},
                   {"certificate_days", nullptr}};
  if (seen != nullptr && seen->certificate_days) out["certificate_days"] = *seen->certificate_days;
  if (ladder == nullptr || ladder->ready()) return out;
  json::array evidence;
  for (const auto& line : ladder->evidence) evidence.push_back(json::string(line));
  out["broken"] = cluster::to_string(*ladder->broken);
  out["because"] = ladder->because;
  out["evidence"] = std::move(evidence);
  out["fix"] = ladder->fix;
  out["hopeless"] = ladder->hopeless;
  return out;
}

}  // namespace

bool ClusterLook::all_ready() const {
  return std::all_of(ladders.begin(), ladders.end(), [](const auto& ladder) { return ladder.ready(); });
}

std::vector<std::string> strangers(const model::Homelab& lab, const ClusterLook& look) {
  std::vector<std::string> found;
  for (const auto& member : look.observed.members)
    if (!is_of_file(lab, member.node))
      found.push_back(fmt::format("etcd has a member '{}' ({}) that is no machine of the file",
                                  member.name.empty() ? member.id : member.name, member.peer_url));
  for (const auto& node : look.observed.nodes)
    if (!is_of_file(lab, node.name))
      found.push_back(fmt::format("the cluster has a Node '{}' that is no machine of the file", node.name));
  return found;
}

std::string cluster_headline(const model::Homelab& lab, const ClusterLook& look) {
  const auto& observed = look.observed;
  const auto servers = std::count_if(lab.machines.begin(), lab.machines.end(),
                                     [](const auto& machine) { return machine.role == Role::server; });
  auto text = fmt::format("{}: {}", lab.name, lab.cluster->distribution);
  if (!observed.answers) return text + ", no server answers for the cluster\n";
  text += fmt::format(", {} of {} servers vote", observed.voters(), servers);
  if (const auto leader = leader_of(observed); !leader.empty()) text += ", leader " + leader;
  if (lab.cluster->vip)
    text += fmt::format(", VIP {} {}", to_string(*lab.cluster->vip),
                        observed.vip_holder ? "on " + *observed.vip_holder : "on no machine");
  return text + "\n";
}

std::string members_table(const model::Homelab& lab, const ClusterLook& look) {
  std::size_t name_width = 6;
  std::size_t version_width = 7;
  for (const auto& machine : lab.machines) {
    if (machine.role == Role::plain) continue;
    name_width = std::max(name_width, machine.name.size());
    version_width = std::max(version_width, version_text(look.observed, machine.name).size());
  }
  const auto line = [&](const auto& name, const auto& role, const auto& version, const auto& etcd,
                        const auto& node, const auto& days, const auto& state) {
    return fmt::format("{:<{}}  {:<6}  {:<{}}  {:<7}  {:<8}  {:>6}  {}\n", name, name_width, role, version,
                       version_width, etcd, node, days, state);
  };
  auto text = line("MEMBER", "ROLE", "VERSION", "ETCD", "NODE", "CERTS", "STATE");
  for (const auto& machine : lab.machines)
    if (machine.role != Role::plain)
      text += line(machine.name, role_text(machine.role), version_text(look.observed, machine.name),
                   etcd_text(look.observed, machine), node_text(look.observed, machine.name),
                   days_text(look.observed, machine.name), state_text(look, machine.name));
  return text;
}

std::string cluster_troubles(const model::Homelab& lab, const ClusterLook& look) {
  std::string text;
  for (const auto& ladder : look.ladders) {
    if (ladder.ready()) continue;
    text += fmt::format("{}: {}: {}\n", ladder.machine, cluster::to_string(*ladder.broken), ladder.because);
    for (const auto& line : ladder.evidence) text += "  | " + line + "\n";
    if (!ladder.fix.empty()) text += "  fix: " + ladder.fix + "\n";
  }
  for (const auto& sentence : strangers(lab, look)) text += sentence + "\n";
  return text;
}

json::object cluster_json(const model::Homelab& lab, const ClusterLook& look) {
  json::array members;
  for (const auto& machine : lab.machines)
    if (machine.role != Role::plain) members.push_back(member_json(look, machine));
  json::array unknown;
  for (const auto& sentence : strangers(lab, look)) unknown.push_back(json::string(sentence));
  const auto& observed = look.observed;
  return {{"distribution", lab.cluster->distribution},
          {"answers", observed.answers},
          {"ready", look.all_ready()},
          {"voters", observed.voters()},
          {"leader", text_or_null(leader_of(observed))},
          {"vip", text_or_null(lab.cluster->vip ? to_string(*lab.cluster->vip) : "")},
          {"vip_holder", text_or_null(observed.vip_holder.value_or(""))},
          {"members", std::move(members)},
          {"strangers", std::move(unknown)}};
}

}  // namespace hlid::cli
