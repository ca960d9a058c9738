#pragma once
#include <map>
#include <string>
#include <vector>

#include "cluster/config.h"
#include "formed_world.h"
#include "sys/hash.h"

/// What the scripts of upgrades, snapshots, resets and rotations do in the simulation.
namespace hlid::test {

/// ustar: as tar(1) writes it for small files.
inline std::string ustar_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive;
  for (const auto& [name, content] : files) {
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    put(0, name);
    put(100, "0000600");
    put(124, fmt::format("{:011o}", content.size()));
    put(148, std::string(8, ' '));
    put(156, "0");
    put(257, std::string("ustar\0", 6) + "00");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    archive += header + content + std::string((512 - content.size() % 512) % 512, '\0');
  }
  return archive + std::string(1024, '\0');
}

class ChangingWorld : public FormedWorld {
 public:
  template <typename... Given>
  explicit ChangingWorld(Given&&... given) : FormedWorld(std::forward<Given>(given)...) {
    learn();
  }

  /// By the name of the snapshot.
  std::map<std::string, SimCluster> snapshots;
  bool reset_fails = false;
  int reset_seconds = 20;

  struct Reset {
    long ends = 0;
    bool done = false, failed = false;
    std::string snapshot;
  };
  std::map<std::string, Reset> resets;                         ///< by unit
  std::map<std::string, std::vector<SimMachine::Data>> aside;  ///< by machine

  void finish(SimMachine& m, Reset& reset) {
    if (reset.done || reset.failed || sim.now < reset.ends) return;
    if (reset_fails) {
      reset.failed = true;
      m.data.reset();
      return;
    }
    reset.done = true;
    auto& old = sim.clusters[static_cast<std::size_t>(m.data ? m.data->cluster : 0)];
    SimCluster made = reset.snapshot.empty() ? old : snapshots.at(reset.snapshot);
    auto& name = m.files[sim.under("server/db/etcd/name")];
    if (name.empty()) name = m.name + "-00000000";
    const std::uint64_t id = 0xe000000000000000 + static_cast<std::uint64_t>(sim.now);
    made.members = {{id, name, m.ip, false, sim.now}};
    made.leaving.clear();
    m.data = SimMachine::Data{static_cast<int>(sim.clusters.size()), id, name};
    m.files[sim.under("server/tls/server-ca.crt")] = made.ca;
    m.files[sim.under("server/db/reset-flag")] = "";
    sim.clusters.push_back(made);
  }

  /// What the token's file held when the unit was launched: invocation, content.
  std::map<std::string, std::pair<int, std::string>> launched_with;

  /// Adds what this module's changes need to the simulation.
  void learn();
};

namespace scripts {

inline ChangingWorld& changing(ClusterWorld& world) {
  return dynamic_cast<ChangingWorld&>(world);
}

inline Ran install(ClusterWorld&, SimMachine& m, const Arguments& arguments) {
  const auto& version = arguments.at(3);
  if (arguments.at(0) == "look")
    return {0, "version=" + m.installed + "\ncomplete=" + (m.installed == version ? "yes" : "no") + "\n", ""};
  m.installed = version;
  return {0, "changed=yes\n", ""};
}

inline Ran snapshot(ClusterWorld& base, SimMachine& m, const Arguments& arguments) {
  auto& world = changing(base);
  const auto* cluster = world.sim.serving(m);
  if (cluster == nullptr) return {3, "", "etcd does not answer"};
  const auto name = fmt::format("hlid-{}-{}", m.name, world.unix_now());
  world.snapshots[name] = *cluster;
  const std::string token = m.files.at(world.sim.under("server/token"));
  const std::string data = "etcd of " + name;
  std::string manifest = fmt::format(
      "hlid-bundle 1\nlab {}\nlabel {}\nmachine {}\ntime {}\ndistribution {}\nversion {}\nca {}\nsnapshot "
      "{}\n",
      arguments.at(4), arguments.at(5), m.name, world.unix_now(), arguments.at(7), m.version,
      sys::sha256_hex(cluster->ca), name);
  manifest += "sum " + sys::sha256_hex(token) + "  token\nsum " + sys::sha256_hex(data) + "  snapshot.gz\n";
  const auto path = world.sim.under("server/hlid-bundle/bundle");
  m.files[path] = ustar_of({{"MANIFEST", manifest}, {"token", token}, {"snapshot.gz", data}});
  return {0, "bundle " + path + "\n", ""};
}

inline Ran snapshot_done(ClusterWorld&, SimMachine& m, const Arguments& arguments) {
  std::erase_if(m.files, [&](const auto& file) { return file.first.starts_with(arguments.at(0) + "/"); });
  return {};
}

inline Ran aside(ClusterWorld& base, SimMachine& m, const Arguments& arguments) {
  auto& world = changing(base);
  if (!m.data) return {};
  world.aside[m.name].push_back(*m.data);
  if (arguments.at(1) == "move") {
    m.data.reset();
    m.files.erase(world.sim.under("server/db/etcd/name"));
  }
  m.files.erase(world.sim.under("server/db/reset-flag"));
  return {};
}

inline Ran put_back(ClusterWorld& base, SimMachine& m, const Arguments&) {
  auto& world = changing(base);
  auto& kept = world.aside[m.name];
  if (kept.empty()) return {};
  m.data = kept.back();
  m.files[world.sim.under("server/db/etcd/name")] = kept.back().name;
  kept.pop_back();
  if (kept.empty()) world.aside.erase(m.name);
  return {};
}

inline Ran drop_aside(ClusterWorld& base, SimMachine& m, const Arguments&) {
  changing(base).aside.erase(m.name);
  return {};
}

inline Ran unpack(ClusterWorld&, SimMachine& m, const Arguments& arguments) {
  m.files[arguments.at(1) + "/" + arguments.at(2)] = "unpacked";
  return {};
}

inline Ran reset(ClusterWorld& base, SimMachine& m, const Arguments& arguments) {
  auto& world = changing(base);
  EXPECT_FALSE(m.etcd_alive) << "a reset beside a running etcd hangs";
  ChangingWorld::Reset begun;
  begun.ends = world.sim.now + world.reset_seconds;
  begun.snapshot = arguments.at(6).substr(arguments.at(6).rfind('/') + 1);
  world.resets[m.name + " " + arguments.at(3)] = begun;
  return {};
}

inline Ran reset_state(ClusterWorld& base, SimMachine& m, const Arguments& arguments) {
  auto& world = changing(base);
  const auto found = world.resets.find(m.name + " " + arguments.at(0));
  if (found == world.resets.end())
    return {0, "LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\n", ""};
  auto& reset = found->second;
  world.finish(m, reset);
  std::string out = "LoadState=loaded\n";
  if (reset.failed)
    out +=
        "ActiveState=failed\nSubState=failed\nResult=exit-code\nline=level=fatal msg=\"snapshot is "
        "corrupt\"\n";
  else if (!reset.done)
    out += "ActiveState=activating\nSubState=start\nResult=success\nline=starting etcd\n";
  else
    out +=
        "ActiveState=active\nSubState=exited\nResult=success\nage=" +
        std::to_string(world.sim.now - reset.ends) +
        "\nline=Managed etcd cluster membership has been reset, restart without --cluster-reset flag now\n";
  if (m.files.count(world.sim.under("server/db/reset-flag")) > 0) out += "flag=yes\n";
  return {0, out, ""};
}

inline Ran reset_clear(ClusterWorld& base, SimMachine& m, const Arguments& arguments) {
  changing(base).resets.erase(m.name + " " + arguments.at(0));
  return {};
}

inline Ran token_rotate(ClusterWorld& base, SimMachine& m, const Arguments& arguments) {
  auto* cluster = base.sim.serving(m);
  if (cluster == nullptr) return {7, "", "connection refused"};
  const auto& request = m.files.at(arguments.at(3));
  const auto from = request.find(":\"") + 2;
  cluster->token = request.substr(from, request.find('"', from) - from);
  auto& token = m.files[base.sim.under("server/token")];
  token = token.substr(0, token.rfind(':') + 1) + cluster->token + "\n";
  return {0, "\nstatus 200\n", ""};
}

inline Ran token_read(ClusterWorld& base, SimMachine& m, const Arguments& arguments) {
  // The simulation's processes read their configuration when they are launched.
  const auto& launched = changing(base).launched_with[m.name];
  return {
      0, launched.first == m.invocation && launched.second == m.files[arguments.at(1)] ? "read\n" : "later\n",
      ""};
}

inline Ran token_done(ClusterWorld&, SimMachine& m, const Arguments& arguments) {
  m.files.erase(arguments.at(0));
  return {};
}

inline Ran drill_write(ClusterWorld& base, SimMachine& m, const Arguments&) {
  return base.sim.serving(m) == nullptr ? refused() : Ran{};
}

}  // namespace scripts

inline void ChangingWorld::learn() {
  scripts["install"] = scripts::install;
  scripts["snapshot"] = scripts::snapshot;
  scripts["snapshot-done"] = scripts::snapshot_done;
  scripts["aside"] = scripts::aside;
  scripts["put-back"] = scripts::put_back;
  scripts["drop-aside"] = scripts::drop_aside;
  scripts["restore-unpack"] = scripts::unpack;
  scripts["reset"] = scripts::reset;
  scripts["reset-state"] = scripts::reset_state;
  scripts["reset-clear"] = scripts::reset_clear;
  scripts["token-rotate"] = scripts::token_rotate;
  scripts["token-read"] = scripts::token_read;
  scripts["token-done"] = scripts::token_done;
  scripts["drill-write"] = scripts::drill_write;
  const auto token = cluster::token_path(sim.distribution);
  sim.on_second = [this, token, watched = sim.on_second] {
    watched();
    for (auto& m : sim.machines) {
      if (m.process()) m.files.erase(sim.under("server/db/reset-flag"));
      auto& seen = launched_with[m.name];
      if (m.process() && seen.first != m.invocation) seen = {m.invocation, m.files[token]};
    }
  };
}

}  // namespace hlid::test
