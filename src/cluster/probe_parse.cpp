#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "cluster/config.h"
#include "cluster/probe.h"
#include "cluster/shell.h"
#include "model/node_marks.h"
#include "net/certificate.h"
#include "sys/hash.h"

namespace hlid::cluster {
namespace {

using model::ObservedEtcdMember;
using model::ObservedNodeObject;

std::string text_of(const json::object& object, std::string_view key) {
  return get_string(object, key).value_or("");
}

/// nullptr for what is absent or of another kind.
const json::object* object_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found == nullptr ? nullptr : found->if_object();
}

const json::array* array_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found == nullptr ? nullptr : found->if_array();
}

/// etcd's ids are unsigned 64 bit numbers, which JSON readers tell apart by size.
std::string hexadecimal(const json::value& id) {
  if (id.is_uint64()) return fmt::format("{:x}", id.get_uint64());
  if (id.is_int64()) return fmt::format("{:x}", static_cast<std::uint64_t>(id.get_int64()));
  throw Error(Errc::protocol, "an etcd member without an id in the member list");
}

ObservedEtcdMember parse_member(const json::object& entry) {
  ObservedEtcdMember member;
  const auto* id = entry.if_contains("ID");
  member.id = hexadecimal(id == nullptr ? json::value() : *id);
  member.name = text_of(entry, "name");  // empty until the member has started once
  const auto dash = member.name.rfind('-');
  member.node = dash == std::string::npos ? member.name : member.name.substr(0, dash);
  if (const auto* urls = array_in(entry, "peerURLs"); urls != nullptr && !urls->empty())
    if (const auto* url = urls->front().if_string()) member.peer_url = *url;
  member.voting =
      get_bool(entry, "isLearner").value_or(false) ? model::Voting::learner : model::Voting::voter;
  return member;
}

std::map<std::string, std::string> parse_map(const json::object* object) {
  std::map<std::string, std::string> map;
  if (object == nullptr) return map;
  for (const auto& [key, value] : *object)
    if (const auto* text = value.if_string()) map[std::string(key)] = *text;
  return map;
}

model::Taint parse_taint(const json::object& taint) {
  const auto value = text_of(taint, "value");
  return text_of(taint, "key") + (value.empty() ? "" : "=" + value) + ":" + text_of(taint, "effect");
}

void parse_conditions(const json::object& status, ObservedNodeObject& node) {
  node.not_ready_because = "no Ready condition yet";
  const auto* conditions = array_in(status, "conditions");
  if (conditions == nullptr) return;
  for (const auto& entry : *conditions) {
    const auto* condition = entry.if_object();
    if (condition == nullptr || text_of(*condition, "type") != "Ready") continue;
    node.ready = text_of(*condition, "status") == "True";
    node.not_ready_because =
        node.ready ? "" : text_of(*condition, "reason") + ": " + text_of(*condition, "message");
  }
}

ObservedNodeObject parse_node(const json::object& object) {
  ObservedNodeObject node;
  if (const auto* metadata = object_in(object, "metadata")) {
    node.name = text_of(*metadata, "name");
    node.labels = parse_map(object_in(*metadata, "labels"));
    if (const auto* annotations = object_in(*metadata, "annotations"))
      node.owned = text_of(*annotations, model::kOwnedAnnotation);
  }
  if (const auto* spec = object_in(object, "spec")) {
    node.cordoned = get_bool(*spec, "unschedulable").value_or(false);
    if (const auto* taints = array_in(*spec, "taints"))
      for (const auto& taint : *taints)
        if (const auto* one = taint.if_object()) node.taints.push_back(parse_taint(*one));
  }
  if (const auto* status = object_in(object, "status")) {
    parse_conditions(*status, node);
    if (const auto* info = object_in(*status, "nodeInfo")) node.version = text_of(*info, "kubeletVersion");
  }
  if (node.name.empty()) throw Error(Errc::protocol, "a Node without a name in kubectl's answer");
  return node;
}

/// "unit rke2-server enabled active running 812", without the first word.
void read_unit(const std::vector<std::string>& words, const Traits& traits, MachineFacts& facts) {
  if (words.size() < 5) return;
  const bool server = words[0] == traits.server_unit;
  const std::string state = words[2] + "/" + words[3];
  const bool enabled = words[1] == "enabled", live = words[2] != "inactive" && words[2] != "-";
  if (!enabled && !live) return;
  auto& seen = facts.seen;
  if (seen.unit != model::Role::plain && seen.active) return;  // the other role's unit is the one that runs
  seen.unit = server ? model::Role::server : model::Role::agent;
  seen.active = words[2] == "active";
  seen.unit_state = state;
  facts.enabled = enabled;
}

void read_certificate(const std::string& pem, model::ObservedClusterMachine& seen) {
  try {
    const int days = net::days_left(pem);
    seen.certificate_days = std::min(days, seen.certificate_days.value_or(days));
  } catch (const Error&) {  // cut short by a power cut: the distribution makes it anew
    seen.certificate_days = 0;
  }
}

void read_line(const std::string& key, const std::string& value, const Traits& traits, MachineFacts& facts) {
  auto& seen = facts.seen;
  if (key == "boot") facts.boot_id = value;
  if (key == "clock") seen.clock_offset = std::stoll("0" + value);
  if (key == "unit") read_unit(split(value, ' '), traits, facts);
  if (key == "installed") seen.installed = value;
  if (key == "running") seen.running_version = value;
  if (key == "free") seen.disk_free = parse_free(value);
  if (key == "datastore") seen.has_datastore = true;
  if (key == "password") facts.has_password = true;
}

/// `text` as it is on the machine, but for a last line end that it may lack there.
void read_file(const std::string& path, const std::string& text, const Traits& traits, MachineFacts& facts) {
  auto& seen = facts.seen;
  const std::string distribution(traits.name);
  if (path == traits.under("server/db/etcd/name")) facts.etcd_name = trim(text);
  if (path == applied_path(distribution)) {
    facts.applied = text;
    seen.config_hash = config_hash(text);
  }
  if (path == config_path(distribution)) facts.drop_in = text;
  if (path.starts_with(traits.config))
    for (const auto& line : split(text, '\n'))
      if (line.starts_with("server:"))
        seen.server_url = replace_all(replace_all(std::string(trim(line.substr(7))), "\"", ""), "'", "");
  if (path.ends_with("/server-ca.crt")) {
    if (seen.ca_hash.empty())
      seen.ca_hash = sys::sha256_hex(text);  // a server has an agent's too, after its own
  } else if (path.ends_with(".crt")) {
    read_certificate(text, seen);
  }
}

/// etcd, Documentation/op-guide/monitoring (/health): {"health":"false","reason":"ALARM NOSPACE"}.
std::string alarm_in(const std::string& health) {
  for (const char* alarm : {"NOSPACE", "CORRUPT"})
    if (contains(health, std::string("ALARM ") + alarm)) return alarm;
  return {};
}

void read_supervisor(std::string_view web, MachineFacts& facts) {
  auto answers = parse_web(web);
  facts.seen.supervisor = answers["readyz"].ok;
  facts.seen.etcd_alarm = alarm_in(answers["health"].body);
  facts.leads = contains(answers["metrics"].body, "etcd_server_is_leader 1");
  if (answers["members"].ok) facts.members = parse_members(answers["members"].body);
}

}  // namespace

std::optional<Bytes> parse_free(std::string_view text) {
  const auto words = split(text, ' ');
  if (words.size() != 2) return std::nullopt;
  const auto blocks = parse_bytes(words[0]), size = parse_bytes(words[1]);
  if (!blocks || !size) return std::nullopt;
  return Bytes{blocks->count * size->count};
}

MachineFacts parse_probe(std::string_view report, const model::Homelab& lab, const model::Machine& machine) {
  const auto& traits = traits_of(lab.cluster->distribution);
  MachineFacts facts;
  facts.seen.machine = machine.name;
  facts.seen.running = facts.seen.reachable = true;
  const auto [own, web] = split_web(report);
  std::string path, text;
  const auto end_of_file = [&] {
    if (!path.empty()) read_file(path, text, traits, facts);
    path.clear();
    text.clear();
  };
  for (const auto& line : split(own, '\n')) {
    if (line.starts_with(" ")) {
      text += line.substr(1) + "\n";
      continue;
    }
    end_of_file();
    const auto blank = std::min(line.find(' '), line.size());
    const std::string key = line.substr(0, blank), value(trim(std::string_view(line).substr(blank)));
    if (key == "@") path = value;
    if (key == "local" && value == to_string(machine.address.address)) facts.seen.addressed = true;
    if (key == "local" && lab.cluster->vip && value == to_string(*lab.cluster->vip)) facts.holds_vip = true;
    read_line(key, value, traits, facts);
  }
  end_of_file();
  read_supervisor(web, facts);
  if (facts.boot_id.empty())
    throw Error(Errc::protocol, "the report of '{}' about itself is cut short", machine.name);
  return facts;
}

void compare_config(const model::Homelab& lab, const model::Machine& machine, MachineFacts& facts) {
  auto& seen = facts.seen;
  if (machine.role == model::Role::plain) return;
  const auto wanted = render_config(lab, machine, Stage::settled);
  if (seen.active) seen.pending_config = pending_keys(facts.applied, wanted);
  seen.config_stale = !facts.drop_in.empty() && facts.drop_in != wanted;
}

std::vector<ObservedEtcdMember> parse_members(std::string_view db_info) {
  const auto answer = parse_json(db_info, "the member list");
  const auto* root = answer.if_object();
  const auto* list = root == nullptr ? nullptr : array_in(*root, "members");
  if (list == nullptr) throw Error(Errc::protocol, "the member list has no members");
  std::vector<ObservedEtcdMember> members;
  for (const auto& entry : *list)
    if (const auto* member = entry.if_object()) members.push_back(parse_member(*member));
  return members;
}

std::vector<ObservedNodeObject> parse_nodes(std::string_view text) {
  const auto answer = parse_json(text, "kubectl's answer");
  const auto* root = answer.if_object();
  if (root == nullptr) throw Error(Errc::protocol, "kubectl's answer is no list of Nodes");
  if (text_of(*root, "kind") == "Node") return {parse_node(*root)};
  const auto* items = array_in(*root, "items");
  if (items == nullptr) throw Error(Errc::protocol, "kubectl's answer is no list of Nodes");
  std::vector<ObservedNodeObject> nodes;
  for (const auto& item : *items)
    if (const auto* node = item.if_object()) nodes.push_back(parse_node(*node));
  return nodes;
}

std::optional<std::string> answering_server(const std::vector<MachineFacts>& servers,
                                            const std::string& except) {
  const MachineFacts* best = nullptr;
  for (const auto& facts : servers) {
    if (facts.seen.machine == except || !facts.seen.supervisor || !facts.members) continue;
    if (best == nullptr || (facts.leads && !best->leads)) best = &facts;
  }
  if (best == nullptr) return std::nullopt;
  return best->seen.machine;
}

model::ObservedCluster merge(std::vector<MachineFacts> facts) {
  model::ObservedCluster cluster;
  const auto answering = answering_server(facts);
  std::set<std::string> leaders;
  for (const auto& one : facts)
    if (one.leads) leaders.insert(one.etcd_name);
  for (auto& one : facts) {
    if (one.holds_vip) cluster.vip_holder = one.seen.machine;
    if (answering == one.seen.machine) {
      cluster.answered_by = one.seen.machine;
      cluster.members = *one.members;
    }
    cluster.machines.push_back(std::move(one.seen));
  }
  for (auto& member : cluster.members) member.leader = leaders.count(member.name) > 0;
  return cluster;
}

}  // namespace hlid::cluster
