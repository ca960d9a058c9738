// What the verbs' scripts do in the simulation. Included by cluster_world.h.
#pragma once
#include "support/cluster_world.h"

namespace hlid::test::scripts {

using cluster::Ran;
using Arguments = std::vector<std::string>;
using State = SimMachine::State;

inline std::string unit_line(ClusterWorld& world, const SimMachine& m, const std::string& unit) {
  if (unit != world.sim.traits().unit(m.server)) return "unit " + unit + " disabled inactive dead 0 -\n";
  std::string state;
  switch (m.state) {
    case State::inactive:
      state = "inactive dead 0";
      break;
    case State::activating:
      state = "activating start 100";
      break;
    case State::restarting:
      state = "activating auto-restart 0";
      break;
    case State::active:
      state = "active running 100";
      break;
  }
  return "unit " + unit + (m.enabled ? " enabled " : " disabled ") + state + " run-" +
         std::to_string(m.invocation) + "\n";
}

inline std::string members_json(const SimCluster& cluster) {
  json::array members;
  for (const auto& member : cluster.members) {
    json::object one{{"ID", member.id}, {"peerURLs", json::array{"https://" + member.ip + ":2380"}}};
    if (!member.name.empty()) one["name"] = member.name;
    if (member.learner) one["isLearner"] = true;
    members.push_back(one);
  }
  return to_text(json::object{{"members", members}});
}

inline json::object node_json(ClusterWorld& world, const std::string& name, const SimNode& node) {
  const bool ready = world.sim.node_ready(node);
  json::object labels, annotations, spec;
  for (const auto& [key, value] : node.labels) labels[key] = value;
  for (const auto& [key, value] : node.annotations) annotations[key] = value;
  if (node.cordoned) spec["unschedulable"] = true;
  json::object condition{{"type", "Ready"}, {"status", ready ? "True" : "Unknown"}};
  if (!ready)
    condition["reason"] = "NodeStatusUnknown", condition["message"] = "Kubelet stopped posting node status";
  return {{"kind", "Node"},
          {"metadata", json::object{{"name", name}, {"labels", labels}, {"annotations", annotations}}},
          {"spec", spec},
          {"status", json::object{{"conditions", json::array{condition}},
                                  {"nodeInfo", json::object{{"kubeletVersion", node.version}}}}}};
}

/// One answer as the scripts' `web` prints it.
inline std::string web_answer(const std::string& label, bool answers, const std::string& body) {
  return (answers ? body : "") + "\n@@ " + label + (answers ? " 200\n" : " 000\n");
}

inline Ran refused() {
  return {1, "", "The connection to the server 127.0.0.1:6443 was refused"};
}

inline std::string supervisor_answers(ClusterWorld& world, const SimMachine& m) {
  const auto* cluster = world.sim.serving(m);
  return "web\n" + web_answer("readyz", cluster != nullptr, "ok") +
         web_answer("members", cluster != nullptr, cluster == nullptr ? "" : members_json(*cluster));
}

inline Ran probe(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  auto& sim = world.sim;
  std::string out = "boot boot-" + std::to_string(m.boots) + "\nclock " +
                    std::to_string(world.unix_now() + m.clock_skew) + "\n";
  out += unit_line(world, m, arguments.at(7)) + unit_line(world, m, arguments.at(8));
  if (!m.installed.empty()) out += "installed " + m.installed + "\n";
  if (m.process()) out += "running " + m.version + "\n";
  if (m.data) out += "datastore yes\n";
  if (const auto found = m.files.find("/etc/rancher/node/password");
      found != m.files.end() && !found->second.empty())
    out += "password yes\n";
  out += "local " + m.ip + "\n";
  if (sim.vip_holder == m.name) out += "local " + sim.vip + "\n";
  for (const auto& [path, text] : m.files) {
    const bool shown = path == sim.under("server/db/etcd/name") || path.ends_with("/server-ca.crt") ||
                       path == arguments.at(5) || path.ends_with("/10-hlid.yaml");
    if (!shown || text.empty()) continue;
    out += "@ " + path + "\n";
    for (const auto& line : split(trim(text), '\n')) out += " " + line + "\n";
  }
  if (m.process() && m.server) {
    const bool leads = m.data && sim.leader(m.data->cluster) == m.name;
    out += supervisor_answers(world, m);
    if (!m.etcd_alarm.empty())
      out += R"({"health":"false","reason":"ALARM )" + m.etcd_alarm + "\"}\n@@ health 503\n";
    out += web_answer("metrics", true, leads ? "etcd_server_is_leader 1" : "");
  }
  return {0, out, ""};
}

inline Ran nodes(ClusterWorld& world, SimMachine& m, const Arguments& /*arguments*/) {
  const auto* cluster = world.sim.serving(m);
  if (cluster == nullptr) return refused();
  json::array items;
  for (const auto& [name, node] : cluster->nodes) items.push_back(node_json(world, name, node));
  return {0, to_pretty_text(json::object{{"kind", "List"}, {"items", items}}), ""};
}

inline Ran node(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  const auto* cluster = world.sim.serving(m);
  if (cluster == nullptr) return refused();
  const auto found = cluster->nodes.find(arguments.at(2));
  if (found == cluster->nodes.end()) return {0, "nonode\n", ""};
  return {0, to_text(node_json(world, found->first, found->second)), ""};
}

inline Ran watch(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  std::string out = unit_line(world, m, arguments.at(5)) + fmt::format("free {} 1048576\n", m.free_mib);
  const auto& cursor = arguments.at(7);
  const std::size_t from = cursor.empty() ? 0 : std::stoul(cursor);
  std::string lines;
  for (std::size_t i = from; i < m.journal.size(); ++i) lines += m.journal[i] + "\n";
  out += "cursor " + std::to_string(m.journal.size()) + "\njournal " + base64_encode(lines) + "\n";
  if (m.state != State::active || arguments.at(6).empty()) return {0, out, ""};
  if (const auto* cluster = world.sim.serving(m)) {
    const auto found = cluster->nodes.find(arguments.at(6));
    out += found == cluster->nodes.end()
               ? "nonode\n"
               : "node " + base64_encode(to_text(node_json(world, found->first, found->second))) + "\n";
  }
  return {0, out + supervisor_answers(world, m), ""};
}

inline Ran evidence(ClusterWorld& /*world*/, SimMachine& m, const Arguments& /*arguments*/) {
  std::string lines;
  for (const auto& line : m.journal) lines += line + "\n";
  return {0, lines, ""};
}

inline Ran start(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  std::string out = m.journal.empty() ? "" : "cursor " + std::to_string(m.journal.size()) + "\n";
  if (m.invocation > 0) out += "invocation run-" + std::to_string(m.invocation) + "\n";
  if (m.installed.empty()) return {5, out, "Failed to enable unit: Unit file does not exist."};
  if (arguments.at(0) == "restart")
    world.sim.restart(m);
  else
    world.sim.start(m);
  return {0, out, ""};
}

inline Ran neighbours(ClusterWorld& world, SimMachine& /*m*/, const Arguments& arguments) {
  std::string out;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    const auto* peer = world.sim.at(arguments[i]);
    const bool answers = peer != nullptr && peer->running && world.sim.serving(*peer) != nullptr;
    out += web_answer(arguments[i], answers,
                      answers ? peer->files.at(world.sim.under("server/tls/server-ca.crt")) : "");
  }
  return {0, out, ""};
}

inline Ran erase(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  auto* cluster = world.sim.serving(m);
  if (cluster == nullptr) return refused();
  cluster->passwords.erase(arguments.at(4));
  world.sim.delete_node(*cluster, arguments.at(4));
  return {0, web_answer("members", true, members_json(*cluster)), ""};
}

inline Ran evict(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  if (world.sim.serving(m) == nullptr) return {1, "", "no etcd container runs on this machine"};
  const auto why = world.sim.remove_member(m.data->cluster, std::stoull(arguments.at(1), nullptr, 16));
  return {why.empty() ? 0 : 1, "", why};
}

/// Moves everything under a path; etcd's data with its folder.
inline void move_files(ClusterWorld& world, SimMachine& m, const std::string& from, const std::string& to) {
  std::map<std::string, std::string> kept;
  for (const auto& [path, text] : m.files)
    kept[path.starts_with(from + "/") ? to + path.substr(from.size()) : path] = text;
  m.files = kept;
  if ((world.sim.under("server/db/etcd") + "/").starts_with(from + "/")) m.data.reset();
}

inline Ran set_aside(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  world.sim.kill_all(m);
  move_files(world, m, arguments.at(2), arguments.at(3));
  return {0, "", ""};
}

inline Ran place(ClusterWorld& /*world*/, SimMachine& m, const Arguments& arguments) {
  std::string out;
  for (std::size_t i = 0; i + 2 < arguments.size(); i += 3) {
    out += "at " + arguments[i] + "\n";
    if (m.files[arguments[i]] != arguments[i + 2]) out += "changed " + arguments[i] + "\n";
    m.files[arguments[i]] = arguments[i + 2];
    m.modes[arguments[i]] = arguments[i + 1];
  }
  return {0, out, ""};
}

inline Ran preflight(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  return {0,
          "now\t" + std::to_string(world.unix_now() + m.clock_skew) + "\nhostname\t" + m.name +
              "\narchitecture\tx86_64\nkernel\t6.8."
              "0\nsystemd\tyes\ncgroup2\tyes\ncores\t2\nmemory\t8388608\nswap\t0\n"
              "free\t52428800 /\ndefault-route\tyes\nname-server\t10.10.10.1\nsynchronized\tyes\nend\t" +
              arguments.at(0) + "\n",
          ""};
}

inline Ran addresses(ClusterWorld& /*world*/, SimMachine& m, const Arguments& /*arguments*/) {
  return {0,
          "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet " + m.ip +
              "/24 brd 10.10.10.255 scope global eth0\n",
          ""};
}

inline Ran nothing(ClusterWorld& /*world*/, SimMachine& /*m*/, const Arguments& /*arguments*/) {
  return {};
}

// Those of leaving and replacing.
inline Ran stop(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  if (arguments.at(2) == "for-good") m.enabled = false;
  if (arguments.at(3).empty())
    world.sim.stop(m);
  else
    world.sim.kill_all(m);
  return {};
}

inline Ran uninstall(ClusterWorld& world, SimMachine& m, const Arguments& /*arguments*/) {
  world.sim.kill_all(m);
  m.enabled = false;
  m.data.reset();
  m.files.clear();
  m.installed.clear();
  return {};
}

inline Ran park(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  auto* cluster = world.sim.serving(m);
  if (cluster == nullptr) return {3, "", refused().error_output};
  const auto found = cluster->nodes.find(arguments.at(2));
  if (found == cluster->nodes.end()) return {3, "", "Error from server (NotFound): nodes not found"};
  const auto& label = arguments.at(3);
  if (!label.empty()) found->second.labels[label.substr(0, label.find('='))] = "true";
  found->second.cordoned = true;
  return {};
}

inline Ran unpark(ClusterWorld& world, SimMachine& m, const Arguments& arguments) {
  auto* cluster = world.sim.serving(m);
  if (cluster == nullptr) return refused();
  const auto found = cluster->nodes.find(arguments.at(2));
  if (found == cluster->nodes.end()) return {1, "", "Error from server (NotFound): nodes not found"};
  if (found->second.labels.erase(arguments.at(3)) > 0) found->second.cordoned = false;
  return {};
}

}  // namespace hlid::test::scripts

namespace hlid::test {

inline std::map<std::string, ClusterWorld::Script> ClusterWorld::usual_scripts() {
  return {{"probe", scripts::probe},
          {"nodes", scripts::nodes},
          {"node", scripts::node},
          {"watch", scripts::watch},
          {"evidence", scripts::evidence},
          {"start", scripts::start},
          {"neighbours", scripts::neighbours},
          {"erase", scripts::erase},
          {"evict", scripts::evict},
          {"set-aside", scripts::set_aside},
          {"place", scripts::place},
          {"prepare", scripts::nothing},
          {"preflight", scripts::preflight},
          {"addresses", scripts::addresses},
          {"stop", scripts::stop},
          {"other-upgraders", scripts::nothing},
          {"uninstall", scripts::uninstall},
          {"park", scripts::park},
          {"unpark", scripts::unpark}};
}

}  // namespace hlid::test
