// Machines for the verbs of the module cluster: a Fleet over the simulation (cluster_sim.h) that understands
// the verbs' scripts by their first line ("# hlid:probe") and the arguments they are given. A test may add
// scripts, kill the verb at any call, or cut a machine's power there.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "cluster/guest.h"
#include "cluster/site.h"
#include "support/cluster_sim.h"
#include "support/fake_clock.h"
#include "support/killable_fleet.h"
#include "sys/files.h"

namespace hlid::test {

/// Bytes that differ from call to call, the same in every run.
class CountingRandom : public sys::Random {
 public:
  std::string bytes(std::size_t count) override {
    return std::string(count, static_cast<char>('A' + calls_++ % 26));
  }

 private:
  int calls_ = 0;
};

class ClusterWorld : public cluster::Fleet {
 public:
  using Script = std::function<cluster::Ran(ClusterWorld&, SimMachine&, const std::vector<std::string>&)>;

  explicit ClusterWorld(int servers = 3, int agents = 0, bool vip = true,
                        const std::string& version = "v1.34.1+rke2r1") {
    lab.name = "lab";
    lab.network.cidr = *parse_cidr("10.10.10.0/24");
    lab.network.gateway = *parse_ipv4("10.10.10.1");
    lab.cluster.emplace();
    lab.cluster->version = version;
    if (vip) lab.cluster->vip = parse_ipv4("10.10.10.100");
    if (vip) sim.vip = "10.10.10.100";
    for (int i = 1; i <= servers; ++i)
      add("m-" + std::to_string(i), true, "10.10.10.10" + std::to_string(i), version);
    for (int i = 1; i <= agents; ++i)
      add("w-" + std::to_string(i), false, "10.10.10.11" + std::to_string(i), version);
  }

  model::Homelab lab;
  FakeClock clock;
  CountingRandom random;
  ClusterSim sim;
  std::vector<std::string> phases;
  std::map<std::string, Script> scripts = usual_scripts();
  std::vector<std::string> calls;  ///< "m-1 probe", in their order

  // What goes wrong at the nth call from now (1: the next); each happens once.
  std::optional<int> kill_before, kill_after;  ///< the call is not made, or made but its answer is lost
  std::optional<int> cut_at;                   ///< the called machine loses power instead of answering

  cluster::Site site() {
    return {lab, *this, clock, random, [this](const std::string& text) { told(text); }, {}, 1.0, 1};
  }
  SimMachine& machine(const std::string& name) { return sim.machine(name); }
  void told(const std::string& text) {
    const std::lock_guard lock(phases_mutex_);
    phases.push_back(text);
  }
  /// Time passes without anybody asking.
  void pass(std::chrono::seconds time) {
    clock.tick(time);
    catch_up();
  }
  long unix_now() const { return static_cast<long>(clock.unix_seconds()); }

  std::unique_ptr<cluster::Guest> guest(const std::string& name) override;
  bool runs(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    catch_up();
    return sim.machine(name).exists && sim.machine(name).running;
  }

  /// Files that the machine's disk and its processes show.
  static std::map<std::string, Script> usual_scripts();

  // For Guest.
  cluster::Ran call(const std::string& name, const std::string& script,
                    const std::vector<std::string>& arguments) {
    const std::lock_guard lock(mutex_);
    auto& m = enter(name, script);
    const auto known = scripts.find(script);
    if (known == scripts.end()) {
      ADD_FAILURE() << "the simulation does not know the script '" << script << "'";
      return {127, "", "unknown script"};
    }
    auto ran = known->second(*this, m, arguments);
    leave();
    return ran;
  }
  std::optional<std::string> read(const std::string& name, const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto& files = enter(name, "read " + path).files;
    const auto found = files.find(path);
    leave();
    if (found == files.end()) return std::nullopt;
    return found->second;
  }
  void write(const std::string& name, const std::string& path, const std::string& content,
             std::string_view mode) {
    const std::lock_guard lock(mutex_);
    auto& m = enter(name, "write " + path);
    m.files[path] = content;
    m.modes[path] = mode;
    leave();
  }
  void power(const std::string& name, bool on) {
    const std::lock_guard lock(mutex_);
    if (on)
      sim.power_on(sim.machine(name));
    else
      sim.cut_power(sim.machine(name));
  }

 private:
  void add(const std::string& name, bool server, const std::string& ip, const std::string& version) {
    model::Machine wanted;
    wanted.name = name;
    wanted.group = server ? "m" : "w";
    wanted.role = server ? model::Role::server : model::Role::agent;
    wanted.address = *parse_cidr(ip + "/24");
    lab.machines.push_back(wanted);
    SimMachine m;
    m.name = name;
    m.server = server;
    m.ip = ip;
    m.installed = version;
    sim.machines.push_back(m);
  }

  void catch_up() {
    const long second = static_cast<long>(clock.now().time_since_epoch() / std::chrono::seconds(1));
    if (second > sim.now) sim.advance(second - sim.now);
  }
  bool due(std::optional<int>& count) {
    if (!count || --*count > 0) return false;
    count.reset();
    return true;
  }
  SimMachine& enter(const std::string& name, const std::string& what) {
    if (due(kill_before)) throw Killed();
    clock.tick(std::chrono::milliseconds(300));  // what a call through the guest agent takes
    catch_up();
    calls.push_back(name + " " + what);
    auto& m = sim.machine(name);
    if (due(cut_at)) sim.cut_power(m);
    if (!m.exists) throw Error(Errc::not_found, "there is no machine '{}'", name);
    if (!m.running) throw Error(Errc::io, "'{}' is not running", name);
    if (m.silent || sim.now < m.agent_at)
      throw Error(Errc::timeout, "the guest agent of '{}' does not answer", name);
    return m;
  }
  void leave() {
    if (due(kill_after)) throw Killed();
  }

  std::mutex mutex_;
  std::mutex phases_mutex_;  ///< guards phases
};

class WorldGuest : public cluster::Guest {
 public:
  WorldGuest(ClusterWorld& world, std::string name) : world_(world), name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  cluster::Ran run(std::string_view script, const std::vector<std::string>& arguments,
                   std::chrono::milliseconds) override {
    const auto line = script.substr(0, script.find('\n'));
    EXPECT_TRUE(line.starts_with("# hlid:")) << line;
    return world_.call(name_, std::string(line.substr(7)), arguments);
  }
  std::optional<std::string> read_file(const std::string& path) override { return world_.read(name_, path); }
  void write_file(const std::string& path, const std::string& content, std::string_view mode) override {
    world_.write(name_, path, content, mode);
  }
  void pull(const std::string& path, const std::filesystem::path& to) override {
    sys::write_durable(to, world_.read(name_, path).value_or(""));
  }
  std::string insert_disc(const std::string&, const std::map<std::string, std::filesystem::path>&,
                          const std::function<void(const std::string&)>&) override {
    return "/run/hlid/disc";
  }
  void release_disc() override {}
  void cut_power() override { world_.power(name_, false); }
  void power_on() override { world_.power(name_, true); }

 private:
  ClusterWorld& world_;
  std::string name_;
};

inline std::unique_ptr<cluster::Guest> ClusterWorld::guest(const std::string& name) {
  if (!sim.machine(name).exists) throw Error(Errc::not_found, "there is no machine '{}'", name);
  return std::make_unique<WorldGuest>(*this, name);
}

}  // namespace hlid::test

#include "support/cluster_scripts.h"
