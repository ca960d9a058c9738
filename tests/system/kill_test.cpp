// `up` that is killed at random moments, again and again: whatever was killed, `hlid` or `hlid-node` or both,
// the next `up` converges, and after `destroy` nothing is left. HLID_SEED repeats a run, HLID_KILL_ROUNDS
// says how many rounds (CI: 15).
#include <gtest/gtest.h>
#include <signal.h>

#include <iostream>
#include <random>

#include <fmt/format.h>

#include "support/lab.h"
#include "sys/clock.h"

namespace hlid::test {
namespace {

constexpr auto kPatience = std::chrono::minutes(5);

std::string lab_file(const std::string& image) {
  return R"(apiVersion: hlid/v1
name: tinylab
proxmox: {node: asgard, storage: local-zfs, iso_storage: local, bridge: vmbr0}
network: {cidr: 10.10.10.0/24, gateway: 10.10.10.1, dns: [10.10.10.1]}
template: {name: tiny, vmid: 9000, image: ")" +
         image + R"("}
access: {user: odin, ssh_port: 2222, authorized_keys: [file:~/.ssh/id_ed25519.pub]}
machines:
  - {group: a, count: 2, vmid: 101, address: 10.10.10.101, cores: 1, memory: 192MiB, disk: 1GiB}
  - {group: b, count: 1, vmid: 111, address: 10.10.10.111, cores: 1, memory: 192MiB, disk: 1GiB, clone: linked}
)";
}

enum class Victim { command, node, both };
const char* name_of(Victim victim) {
  switch (victim) {
    case Victim::command:
      return "hlid";
    case Victim::node:
      return "hlid-node";
    case Victim::both:
      return "hlid and hlid-node";
  }
  return "?";
}

class Kill : public ::testing::Test {
 protected:
  Kill() : lab_("kill") { file_ = lab_.write("tinylab.yaml", lab_file(tiny_disk().string())).string(); }

  sys::ProcessResult hlid(std::vector<std::string> words) {
    words.insert(words.end(), {"-f", file_});
    return lab_.hlid(words, kPatience);
  }
  void expect_ok(const sys::ProcessResult& result, const std::string& what) {
    ASSERT_TRUE(result.ok()) << what << ": " << result.describe() << "\n" << lab_.transcript();
  }
  /// What is true after every `up` that ended well.
  void expect_converged() {
    ASSERT_NO_FATAL_FAILURE(expect_ok(hlid({"up", "--yes"}), "up"));
    const auto plan = hlid({"plan", "--check"});
    ASSERT_EQ(plan.status, 0) << plan.output;
    ASSERT_EQ(lab_.processes_named("qemu-system-x86_64").size(), 3U);
  }
  void destroy_all() {
    ASSERT_NO_FATAL_FAILURE(expect_ok(hlid({"destroy", "--yes", "--template"}), "destroy"));
    ASSERT_EQ(lab_.machine_leftovers(), std::vector<std::string>{});
  }

  /// `up`, during which the victim is killed after `delay`.
  void interrupted_up(Victim victim, std::chrono::milliseconds delay) {
    auto up = lab_.start("hlid", {"up", "--yes", "-f", file_});
    sys::SystemClock().sleep(delay);
    if (victim != Victim::command)
      if (const auto daemon = lab_.daemon()) sys::send_signal(*daemon, SIGKILL);
    if (victim != Victim::node) up.signal(SIGKILL);
    ASSERT_TRUE(up.wait(kPatience).has_value()) << "up neither ends nor goes on: " << up.output();
  }

  Lab lab_;
  std::string file_;
};

TEST_F(Kill, TheNextUpConvergesAndDestroyLeavesNothing) {
  const auto seed = number_from_env("SEED", 20261125);
  const auto rounds = number_from_env("KILL_ROUNDS", 15);
  std::mt19937_64 random(seed);
  std::cout << "kill: HLID_SEED=" << seed << " HLID_KILL_ROUNDS=" << rounds << std::endl;

  const auto begin = std::chrono::steady_clock::now();
  ASSERT_NO_FATAL_FAILURE(expect_converged());
  const auto whole =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  std::cout << "kill: an undisturbed up takes " << whole.count() << " ms" << std::endl;

  for (std::uint64_t round = 1; round <= rounds; ++round) {
    ASSERT_NO_FATAL_FAILURE(destroy_all());
    const auto victim = static_cast<Victim>(random() % 3);
    const std::chrono::milliseconds delay(random() % static_cast<std::uint64_t>(whole.count()));
    std::cout << "kill: round " << round << ": " << name_of(victim) << " after " << delay.count() << " ms"
              << std::endl;
    SCOPED_TRACE(fmt::format("seed {}, round {}", seed, round));
    ASSERT_NO_FATAL_FAILURE(interrupted_up(victim, delay));
    ASSERT_NO_FATAL_FAILURE(expect_converged());
  }

  ASSERT_NO_FATAL_FAILURE(destroy_all());
  expect_ok(hlid({"node", "stop"}), "node stop");
  EXPECT_EQ(lab_.leftovers(), std::vector<std::string>{});
}

}  // namespace
}  // namespace hlid::test
