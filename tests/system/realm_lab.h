// A realm of a test's own, and machines in it: to the realm a network namespace with an address on the bridge
// is one.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "node/network/realm.h"
#include "node/network/realm_check.h"
#include "sys/files.h"
#include "sys/namespaces.h"
#include "sys/process.h"
#include "sys/programs.h"

namespace hlid::node::network {

using namespace std::chrono_literals;

/// Waits for what another process does; the deadline only bounds a failure.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(20ms);
  }
  return condition();
}

class RealmTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& lack : check_realm()) GTEST_SKIP() << lack.what << "; " << lack.fix;
    host_before_ = host_links();
    realm_.apply(default_network());
    ASSERT_TRUE(eventually([&] { return realm_.state()->dns && realm_.state()->uplink; }))
        << realm_.state()->problem;
  }

  void TearDown() override {
    if (IsSkipped()) return;
    if (HasFailure())
      std::cerr << sys::read_file_if_exists(home_.path() / "run" / "realm" / "log").value_or("");
    for (const auto& machine : machines_) {
      sys::send_signal(machine, SIGKILL);
      sys::wait_gone(machine, 5s);
    }
    realm_.destroy();
    EXPECT_FALSE(std::filesystem::exists(home_.path() / "run" / "realm"));
  }

  std::string host_links() {
    return sys::run_checked(runner_,
                            {.argv = {sys::find_program("ip").value(), "-brief", "address", "show"}});
  }

  std::string inside(std::vector<std::string> argv) {
    auto command = realm_.command_prefix();
    command.insert(command.end(), argv.begin(), argv.end());
    return sys::run_checked(runner_, {.argv = command, .timeout = 20s});
  }

  std::vector<std::string> as_root_inside(std::vector<std::string> argv) {
    const auto anchor = realm_.state()->anchor;
    std::vector<std::string> command{HLID_NODE, "enter", fmt::format("{}:{}", anchor.pid, anchor.start_time),
                                     "--keep-capabilities", "--"};
    command.insert(command.end(), argv.begin(), argv.end());
    return command;
  }

  /// A process in the realm, as a machine's QEMU is one.
  sys::ProcessId start_inhabitant() {
    auto command = realm_.command_prefix();
    command.insert(command.end(), {"sleep", "1000"});
    machines_.push_back(sys::spawn_detached(command));
    const auto inhabitant = machines_.back();
    EXPECT_TRUE(eventually(
        [&] { return sys::network_namespace_of(inhabitant.pid) == realm_.state()->namespace_id; }));
    return inhabitant;
  }

  /// A network namespace of its own on the bridge, with an address and a default route: to the realm it is a
  /// machine.
  sys::ProcessId start_machine(const std::string& name, const std::string& address) {
    const auto script = fmt::format(
        "exec 2>{0}/log; set -e; unshare --net sh -c 'ip link set lo up; touch {0}/up; exec sleep 1000' & "
        "pid=$!\n"
        "while [ ! -e {0}/up ]; do sleep 0.02; done\n"
        "ip link add {1} type veth peer name eth0 netns $pid; ip link set {1} master vmbr0 up\n"
        "nsenter -t $pid -n ip address add {2}/24 dev eth0; nsenter -t $pid -n ip link set eth0 up\n"
        "nsenter -t $pid -n ip route add default via 10.10.10.1; echo $pid > {0}/pid.new; mv {0}/pid.new "
        "{0}/pid; wait",
        folder_of(name), name, address);
    std::filesystem::create_directories(folder_of(name));
    const auto path = std::string(std::getenv("PATH")) + ":/usr/sbin:/sbin";
    machines_.push_back(sys::spawn_detached(as_root_inside({"sh", "-c", script}), {}, {{"PATH", path}}));
    const std::filesystem::path pid_file = folder_of(name) + "/pid";
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(pid_file); }))
        << sys::read_file(folder_of(name) + "/log");
    const pid_t pid = std::stoi(sys::read_file(pid_file));
    machines_.insert(machines_.begin(), {pid, sys::start_time_of(pid).value_or(0)});
    return machines_.front();
  }

  std::string folder_of(const std::string& machine) { return (home_.path() / machine).string(); }

  /// Runs this test program's own probe (realm_main.cpp) in a machine; its output.
  std::string probe(const sys::ProcessId& machine, std::vector<std::string> words) {
    std::vector<std::string> argv{"nsenter", "-t", std::to_string(machine.pid), "-n",
                                  std::filesystem::read_symlink("/proc/self/exe")};
    argv.insert(argv.end(), words.begin(), words.end());
    const auto result = runner_.run({.argv = as_root_inside(argv), .timeout = 20s});
    return result.ok() ? std::string(trim(result.output)) : result.describe();
  }

  /// A server of this test program in a machine: sends back what it gets, after its greeting.
  void serve(const sys::ProcessId& machine, int port, const std::string& greeting) {
    machines_.insert(
        machines_.begin(),
        sys::spawn_detached(as_root_inside({"nsenter", "-t", std::to_string(machine.pid), "-n",
                                            std::filesystem::read_symlink("/proc/self/exe"), "echo",
                                            "0.0.0.0", std::to_string(port), greeting})));
  }

  std::optional<Link> link(const std::string& name) {
    for (const auto& found : realm_.links())
      if (found.name == name) return found;
    return std::nullopt;
  }

  sys::TempFolder home_;
  sys::PosixProcessRunner runner_;
  Realm realm_{home_.path(), HLID_NODE, runner_};
  std::vector<sys::ProcessId> machines_;
  std::string host_before_;
};

}  // namespace hlid::node::network
