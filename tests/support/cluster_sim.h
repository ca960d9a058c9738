// A small simulation of machines that run the distribution: units that crash and come again, etcd with
// learners and quorum, Nodes with passwords, the VIP. It knows only what the real thing would: configuration
// files on disks and what peers answer. Sources: k3s pkg/etcd, pkg/cluster and the project's notes on RKE2's
// behaviour.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "cluster/traits.h"
#include "model/homelab.h"
#include "sys/hash.h"

namespace hlid::test {

struct SimMember {
  std::uint64_t id = 0;
  std::string name;  ///< empty until it has started once
  std::string ip;
  bool learner = true;
  long since = 0;  ///< second at which it was added or last seen alive
};

struct SimNode {
  bool server = false;
  std::string version;
  long ready_at = 0, heartbeat = 0;
  bool cordoned = false;
  std::map<std::string, std::string> labels, annotations;
  std::vector<std::string> taints;
};

/// What one etcd holds. Two of them with members on machines: two clusters.
struct SimCluster {
  std::string ca;  ///< content of server-ca.crt
  std::string token;
  std::vector<SimMember> members;
  std::map<std::string, SimNode> nodes;
  std::map<std::string, std::string> passwords;
  std::map<std::string, long> leaving;  ///< members whose Node was deleted → when the controller acts
  long promoted_at = -100;

  int voters() const {
    return static_cast<int>(
        std::count_if(members.begin(), members.end(), [](auto& m) { return !m.learner; }));
  }
};

struct SimMachine {
  std::string name, ip;
  bool server = false;
  bool exists = true, running = true;
  bool silent = false;  ///< fault: the agent does not answer
  long agent_at = 0;    ///< when the agent answers after a boot
  int boots = 1;
  long clock_skew = 0;  ///< fault: seconds that its clock is ahead
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> modes;
  std::string installed;  ///< version of the program on the disk
  bool killall_hangs = false;

  // etcd's data on the disk.
  struct Data {
    int cluster = -1;
    std::uint64_t id = 0;
    std::string name;
  };
  std::optional<Data> data;
  std::string etcd_alarm;   ///< fault: what its etcd's /health gives as the reason
  bool etcd_alive = false;  ///< its container: outlives the unit, not the power

  // The unit of its role.
  enum class State { inactive, activating, restarting, active };
  State state = State::inactive;
  bool enabled = false;
  std::string version;  ///< of the process
  int invocation = 0;
  int phase = 0;
  long until = 0;  ///< next thing happens then
  bool registered = false;
  std::vector<std::string> journal;

  // Faults.
  long import_seconds = 5;
  std::string dies_of;  ///< the process writes this line and exits, each time
  bool never_ready = false;
  long free_mib = 40000;  ///< of its disk

  bool process() const { return running && (state == State::activating || state == State::active); }
};

class ClusterSim {
 public:
  std::vector<SimMachine> machines;
  std::vector<SimCluster> clusters;
  std::string vip;
  std::string vip_holder;
  std::string distribution = "rke2";
  long now = 0;
  bool ghosts = false;  ///< fault: deleting a Node leaves its etcd member
  std::function<void()> on_second = [] {};

  const cluster::Traits& traits() const { return cluster::traits_of(distribution); }
  SimMachine& machine(const std::string& name) {
    for (auto& one : machines)
      if (one.name == name) return one;
    throw Error(Errc::not_found, "the simulation has no machine '{}'", name);
  }
  SimMachine* at(const std::string& ip) {
    if (ip == vip && !vip_holder.empty()) return &machine(vip_holder);
    for (auto& one : machines)
      if (one.ip == ip && one.exists) return &one;
    return nullptr;
  }
  std::string under(std::string_view path) const { return traits().under(path); }

  void advance(long seconds) {
    for (long i = 0; i < seconds; ++i) {
      ++now;
      for (auto& one : machines) step(one);
      for (auto& cluster : clusters) step(cluster);
      step_vip();
      on_second();
    }
  }

  // What happens to machines.
  void start(SimMachine& m) {
    m.enabled = true;
    if (m.state == SimMachine::State::inactive) launch(m);
  }
  void restart(SimMachine& m) {
    m.enabled = true;
    launch(m);
  }
  void stop(SimMachine& m) {
    m.state = SimMachine::State::inactive;
    if (traits().etcd_in_process) m.etcd_alive = false;
  }
  void kill_all(SimMachine& m) {
    stop(m);
    m.etcd_alive = false;
  }
  void cut_power(SimMachine& m) {
    m.running = false;
    m.etcd_alive = false;
    m.state = SimMachine::State::inactive;
  }
  void power_on(SimMachine& m) {
    if (m.running) return;
    m.running = true;
    ++m.boots;
    m.agent_at = now + 8;
    m.files.erase("/run/hlid-" + distribution + ".yaml");
    if (m.enabled) launch(m);
  }
  /// The machine made anew, with the release in place: nothing else is left.
  void rebuild(SimMachine& m) {
    SimMachine fresh;
    fresh.name = m.name;
    fresh.ip = m.ip;
    fresh.server = m.server;
    fresh.installed = m.installed;
    fresh.boots = m.boots + 1;
    fresh.invocation = m.invocation;
    fresh.agent_at = now + 8;
    fresh.import_seconds = m.import_seconds;
    m = fresh;
  }

  // What etcd and Kubernetes answer.
  SimMachine* owner(const SimMember& member, int cluster) {
    for (auto& m : machines)
      if (m.exists && m.data && m.data->cluster == cluster && m.data->id == member.id) return &m;
    return nullptr;
  }
  bool alive(const SimMember& member, int cluster) {
    const auto* m = owner(member, cluster);
    return m != nullptr && m->running && m->etcd_alive;
  }
  int alive_voters(int cluster) {
    auto& members = clusters[static_cast<std::size_t>(cluster)].members;
    return static_cast<int>(std::count_if(members.begin(), members.end(),
                                          [&](auto& m) { return !m.learner && alive(m, cluster); }));
  }
  bool quorum(int cluster) {
    return alive_voters(cluster) > clusters[static_cast<std::size_t>(cluster)].voters() / 2;
  }
  std::string leader(int cluster) {
    for (auto& member : clusters[static_cast<std::size_t>(cluster)].members)
      if (!member.learner && alive(member, cluster) && quorum(cluster)) return owner(member, cluster)->name;
    return "";
  }
  SimMember* member_of(const SimMachine& m) {
    if (!m.data) return nullptr;
    for (auto& member : clusters[static_cast<std::size_t>(m.data->cluster)].members)
      if (member.id == m.data->id) return &member;
    return nullptr;
  }
  /// The cluster that this server's supervisor and API answer for; nullptr: they do not.
  SimCluster* serving(const SimMachine& m) {
    if (!m.process() || !m.server || m.phase < kServes || !m.data) return nullptr;
    const auto* member = member_of(const_cast<SimMachine&>(m));
    if (member == nullptr || member->learner || !quorum(m.data->cluster)) return nullptr;
    return &clusters[static_cast<std::size_t>(m.data->cluster)];
  }
  bool node_ready(const SimNode& node) const { return now >= node.ready_at && now - node.heartbeat < 40; }
  static std::string node_of(const std::string& member) { return member.substr(0, member.rfind('-')); }

  /// "kubectl delete node".
  void delete_node(SimCluster& cluster, const std::string& name) {
    const auto found = cluster.nodes.find(name);
    if (found == cluster.nodes.end()) return;
    if (found->second.server && !ghosts) cluster.leaving[name] = now + 2;
    cluster.nodes.erase(found);
  }
  /// "etcdctl member remove"; the error as etcd words it, empty: done.
  std::string remove_member(int index, std::uint64_t id) {
    auto& cluster = clusters[static_cast<std::size_t>(index)];
    const auto found =
        std::find_if(cluster.members.begin(), cluster.members.end(), [&](auto& m) { return m.id == id; });
    if (found == cluster.members.end()) return "";
    if (!quorum(index)) return "etcdserver: request timed out";
    const bool dead = !alive(*found, index);
    int others = 0, others_alive = 0;
    for (auto& m : cluster.members)
      if (m.id != id && !m.learner) ++others, others_alive += alive(m, index) ? 1 : 0;
    if (!found->learner && !dead && others_alive <= others / 2) return "etcdserver: unhealthy cluster";
    cluster.members.erase(found);
    return "";
  }

 private:
  static constexpr int kServes = 4;
  using State = SimMachine::State;

  void say(SimMachine& m, const std::string& text, const std::string& level = "info") {
    m.journal.push_back("time=\"2026-01-01T00:00:00Z\" level=" + level + " msg=\"" + text + "\"");
  }
  void die(SimMachine& m, const std::string& text) {
    say(m, text, "fatal");
    m.journal.push_back(std::string(traits().unit(m.server)) +
                        ".service: Main process exited, code=exited, status=1/FAILURE");
    m.state = State::restarting;
    if (traits().etcd_in_process) m.etcd_alive = false;
    m.until = now + 5;
  }
  void launch(SimMachine& m) {
    if (traits().etcd_in_process) m.etcd_alive = false;
    m.state = State::activating;
    ++m.invocation;
    m.phase = 0;
    m.registered = false;
    m.version = m.installed;
    m.until = now + m.import_seconds;
    const auto config = m.files.find(drop_in("10-hlid.yaml"));
    if (config != m.files.end()) m.files["/run/hlid-" + distribution + ".yaml"] = config->second;
    m.journal.push_back("Starting " + std::string(traits().unit(m.server)));
    say(m, "Importing images");
  }

  std::string drop_in(const std::string& file) const { return std::string(traits().config) + ".d/" + file; }
  /// The value of a key over all drop-ins, the last one wins.
  std::string setting(const SimMachine& m, const std::string& key) const {
    std::string value;
    for (const auto& [path, text] : m.files)
      if (path.starts_with(drop_in("")))
        for (const auto& line : split(text, '\n'))
          if (line.starts_with(key + ":"))
            value = replace_all(std::string(trim(line.substr(key.size() + 1))), "\"", "");
    return value;
  }

  void step(SimMachine& m) {
    if (!m.running) return;
    if (m.state == State::restarting && now >= m.until) launch(m);
    if (!m.process()) return;
    heartbeat(m);
    if (now < m.until) return;
    if (!m.dies_of.empty()) return die(m, m.dies_of);
    if (m.server)
      step_server(m);
    else
      step_agent(m);
  }

  void heartbeat(SimMachine& m) {
    if (!m.registered) return;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      const auto node = clusters[i].nodes.find(m.name);
      if (node != clusters[i].nodes.end() && quorum(static_cast<int>(i))) node->second.heartbeat = now;
    }
  }

  void step_server(SimMachine& m) {
    switch (m.phase) {
      case 0:
        return decide(m);
      case 1:
        return add_member(m);
      case 2:
        return start_etcd(m);
      case 3:
        return become_ready(m);
      case kServes:
        return become_active(m);
    }
  }

  void decide(SimMachine& m) {
    say(m, "Imported images");
    if (m.data) return next(m, 2, 1);
    const auto url = setting(m, "server");
    if (url.empty()) return found(m);
    const auto [cluster, why] = enter(url, setting(m, "token"));
    if (cluster < 0) return die(m, why);
    auto& joined = clusters[static_cast<std::size_t>(cluster)];
    m.files[under("server/tls/server-ca.crt")] = joined.ca;
    if (m.files[under("server/db/etcd/name")].empty()) m.files[under("server/db/etcd/name")] = new_name(m);
    joining_[m.name] = cluster;
    next(m, 1, 1);
  }

  void found(SimMachine& m) {
    SimCluster cluster;
    auto& ca = m.files[under("server/tls/server-ca.crt")];
    if (ca.empty()) ca = "CA of " + m.name + " " + std::to_string(now) + "\n";
    cluster.ca = ca;
    cluster.token = setting(m, "token");
    if (cluster.token.starts_with("K10")) cluster.token = cluster.token.substr(cluster.token.rfind(':') + 1);
    write_token(m, cluster);
    auto& name = m.files[under("server/db/etcd/name")];
    if (name.empty()) name = new_name(m);
    cluster.members.push_back({++ids_, name, m.ip, false, now});
    m.data = SimMachine::Data{static_cast<int>(clusters.size()), ids_, name};
    clusters.push_back(cluster);
    next(m, 2, 2);
  }

  /// Whom a joiner would reach at `url` with `token`: the cluster, or why not.
  std::pair<int, std::string> enter(const std::string& url, const std::string& token) {
    const auto host = url.substr(8, url.rfind(':') - 8);
    auto* peer = at(host);
    if (peer == nullptr || serving(*peer) == nullptr)
      return {-1, "failed to get CA certs: connection refused"};
    const int index = peer->data->cluster;
    const auto& cluster = clusters[static_cast<std::size_t>(index)];
    if (token.starts_with("K10") && token.substr(3, 64) != sys::sha256_hex(cluster.ca))
      return {-1, "token CA hash does not match the Cluster CA certificate hash"};
    const auto password = token.starts_with("K10") ? token.substr(token.rfind(':') + 1) : token;
    if (password != cluster.token) return {-1, "not authorized"};
    return {index, ""};
  }

  void add_member(SimMachine& m) {
    const int index = joining_[m.name];
    auto& cluster = clusters[static_cast<std::size_t>(index)];
    if (!quorum(index)) return next(m, 1, 1);
    const auto& name = m.files[under("server/db/etcd/name")];
    for (auto& member : cluster.members) {
      if ((member.name.empty() || member.name == name) && member.ip == m.ip) return next(m, 2, 1);
      if (member.name != name && node_of(member.name) == m.name) {
        m.files.erase(under("server/db/etcd/name"));
        return die(m, "duplicate node name found, please use a unique name for this node");
      }
    }
    for (auto& member : cluster.members) {
      if (member.learner) return say(m, "etcdserver: too many learner members in cluster"), next(m, 1, 1);
      if (!alive(member, index)) return say(m, "etcdserver: unhealthy cluster"), next(m, 1, 1);
    }
    if (now - cluster.promoted_at < 5) return say(m, "etcdserver: unhealthy cluster"), next(m, 1, 1);
    say(m, "Adding member " + name);
    cluster.members.push_back({++ids_, "", m.ip, true, now});
    next(m, 2, 1);
  }

  void start_etcd(SimMachine& m) {
    if (!m.data) {
      const int index = joining_[m.name];
      for (auto& member : clusters[static_cast<std::size_t>(index)].members) {
        if (member.ip != m.ip) continue;
        member.name = m.files[under("server/db/etcd/name")];
        m.data = SimMachine::Data{index, member.id, member.name};
      }
      if (!m.data) return die(m, "this server is a not a member of the etcd cluster");
    }
    if (member_of(m) == nullptr) return die(m, "the member has been permanently removed from the cluster");
    m.etcd_alive = true;
    next(m, 3, 1);
  }

  void become_ready(SimMachine& m) {
    if (!m.data) return die(m, "etcd: data directory is gone");
    m.etcd_alive = true;
    const auto* member = member_of(m);
    if (member == nullptr) return die(m, "the member has been permanently removed from the cluster");
    if (member->learner || !quorum(m.data->cluster)) {
      if (now % 10 == 0) say(m, "Waiting for other members to finish joining etcd cluster");
      return next(m, 3, 1);
    }
    say(m, "Kube API server is now running");
    write_token(m, clusters[static_cast<std::size_t>(m.data->cluster)]);
    if (!m.never_ready) next(m, kServes, 2);
  }

  void become_active(SimMachine& m) {
    if (!m.data) return die(m, "etcd: data directory is gone");
    if (!quorum(m.data->cluster)) return next(m, kServes, 1);
    if (member_of(m) == nullptr) return die(m, "the member has been permanently removed from the cluster");
    if (!m.registered) register_node(m, m.data->cluster);
    if (m.state != State::active) say(m, distribution + " is up and running");
    m.state = State::active;
    m.until = now + 1;
  }

  void step_agent(SimMachine& m) {
    if (m.registered) return;
    const auto [cluster, why] = enter(setting(m, "server"), setting(m, "token"));
    m.until = now + 3;
    if (cluster < 0) return say(m, why, "error");
    m.files[under("agent/server-ca.crt")] = clusters[static_cast<std::size_t>(cluster)].ca;
    register_node(m, cluster);
    if (!m.registered) return;
    say(m, distribution + " agent is up and running");
    m.state = State::active;
  }

  void register_node(SimMachine& m, int index) {
    auto& cluster = clusters[static_cast<std::size_t>(index)];
    auto& password = m.files["/etc/rancher/node/password"];
    if (password.empty()) {  // on the disk a moment before it is shown to anybody
      password = "password " + std::to_string(++ids_);
      return;
    }
    const auto known = cluster.passwords.find(m.name);
    if (known != cluster.passwords.end() && known->second != password)
      return say(m, "Node password rejected, duplicate hostname or contents of password file", "error");
    cluster.passwords[m.name] = password;
    const bool is_new = cluster.nodes.count(m.name) == 0;
    auto& node = cluster.nodes[m.name];
    node.server = m.server;
    node.version = m.version;
    if (is_new) node.labels["kubernetes.io/hostname"] = m.name;
    node.ready_at = now + 3;
    node.heartbeat = now;
    m.registered = true;
  }

  void step(SimCluster& cluster) {
    const int index = static_cast<int>(&cluster - clusters.data());
    for (auto& member : cluster.members)
      if (alive(member, index)) member.since = now;
    if (!quorum(index)) return;
    if (now % 15 == 0)
      for (auto& member : cluster.members)
        if (member.learner && alive(member, index)) {
          member.learner = false;
          cluster.promoted_at = now;
          say(machine(leader(index)), "Promoted learner " + member.name);
          break;
        }
    for (auto it = cluster.members.begin(); it != cluster.members.end(); ++it)
      if (it->learner && now - it->since > 300) {
        cluster.members.erase(it);
        break;
      }
    for (auto it = cluster.leaving.begin(); it != cluster.leaving.end();) {
      if (now < it->second) {
        ++it;
        continue;
      }
      std::string why;
      for (const auto& member : std::vector<SimMember>(cluster.members))
        if (node_of(member.name) == it->first) why = remove_member(index, member.id);
      it = why.empty() ? cluster.leaving.erase(it) : std::next(it);
    }
  }

  void step_vip() {
    if (vip.empty()) return;
    const auto can = [&](const SimMachine& m) {
      return m.files.count(under("server/manifests/kube-vip.yaml")) > 0 && serving(m) != nullptr;
    };
    if (!vip_holder.empty() && can(machine(vip_holder))) {
      vip_free_at_ = now + 5;
      return;
    }
    vip_holder.clear();
    if (now < vip_free_at_) return;
    for (const auto& m : machines)
      if (can(m)) {
        vip_holder = m.name;
        return;
      }
  }

  void write_token(SimMachine& m, const SimCluster& cluster) {
    m.files[under("server/token")] = "K10" + sys::sha256_hex(cluster.ca) + "::server:" + cluster.token + "\n";
  }
  std::string new_name(const SimMachine& m) {
    return m.name + "-" + sys::sha256_hex(m.name + std::to_string(++ids_)).substr(0, 8);
  }
  void next(SimMachine& m, int phase, long in) {
    m.phase = phase;
    m.until = now + in;
  }

  std::uint64_t ids_ = 0xf000000000000000;  // beyond the signed numbers, as etcd's are
  std::map<std::string, int> joining_;
  long vip_free_at_ = 0;
};

}  // namespace hlid::test
