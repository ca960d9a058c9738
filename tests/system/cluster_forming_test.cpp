// Forming a cluster of the stand-in (support/fake_rke2) on boxes: the real scripts, a real systemd and a real
// etcd. The cases build on each other and run in their order.
#include <gtest/gtest.h>

#include <chrono>

#include "base/text.h"
#include "cluster/fetch.h"
#include "cluster/form.h"
#include "cluster/install.h"
#include "cluster/readiness.h"
#include "support/fake_http.h"
#include "support/fake_rke2/box_fleet.h"
#include "support/fake_rke2/rke2_box.h"
#include "support/killable_fleet.h"
#include "sys/files.h"
#include "sys/parallel.h"

namespace hlid::cluster {
namespace {

using namespace std::chrono_literals;

struct Lab {
  Lab() {
    lab.name = "lab";
    lab.network.cidr = *parse_cidr("10.99.0.0/24");
    lab.network.gateway = *parse_ipv4("10.99.0.1");
    lab.cluster.emplace();
    lab.cluster->version = "v1.34.1+rke2r1";
    lab.cluster->artifacts = test::artifacts("v1.34.1+rke2r1");
    lab.cluster->vip = parse_ipv4("10.99.0.100");
    for (int i = 1; i <= 3; ++i)
      add(fmt::format("m{}", i), model::Role::server, fmt::format("10.99.0.1{}", i));
    add("w1", model::Role::agent, "10.99.0.21");
    // Boxes share this host's kernel, which need not have what pods would need; there are none.
    fleet.answered = [](std::string_view script, Ran& ran) {
      if (!script.starts_with("# hlid:preflight")) return;
      std::string kept;
      for (const auto& line : split(ran.output, '\n'))
        if (!line.empty() && !line.starts_with("missing-module")) kept += line + "\n";
      ran.output = kept;
    };
  }
  void add(const std::string& name, model::Role role, const std::string& address) {
    model::Machine machine;
    machine.name = name;
    machine.group = name.substr(0, 1);
    machine.role = role;
    machine.address = *parse_cidr(address + "/24");
    lab.machines.push_back(machine);
    boxes.push_back(std::make_unique<test::Rke2Box>(network, name, address));
    machines.add(*boxes.back());
  }
  test::Rke2Box& box(const std::string& name) {
    for (const auto& one : boxes)
      if (one->name() == name) return *one;
    throw Error(Errc::not_found, "there is no box '{}'", name);
  }
  Site site() {
    return {lab, fleet, clock, random, [](const std::string&) {}, {}, 3.0, 4};
  }
  const ReleaseSet& release() {
    if (!release_)
      release_ = resolve(*lab.cluster,
                         {.cache = folder.path() / "cache", .http = http, .runner = runner, .clock = clock});
    return *release_;
  }
  /// What `hlid up` does to one machine, whatever was done before.
  void bring(const std::string& name) {
    box(name).power_on();
    install(*fleet.guest(name), release(), {.patience = 3.0});
    if (name == "m1")
      form(site(), name, {release().kube_vip_image});
    else
      join(site(), name, {release().kube_vip_image});
  }
  /// At the same time: a server that was a member does not finish starting before the others start too.
  void power_on(const std::vector<std::string>& names) {
    sys::in_parallel(names.size(), names.size(), [&](std::size_t i) { box(names[i]).power_on(); });
  }
  /// The machine made anew.
  void rebuild(const std::string& name) {
    box(name).cut_power();
    std::filesystem::remove_all(network.folder() / name);
  }
  std::string shell(const std::string& name, const std::string& script) {
    return box(name).sh(script).output;
  }

  sys::TempFolder folder{"hbox"};
  test::BoxNetwork network{folder.path() / "boxes"};
  std::vector<std::unique_ptr<test::Rke2Box>> boxes;
  test::BoxFleet machines;
  test::KillableFleet fleet{machines};
  model::Homelab lab;
  sys::SystemClock clock;
  sys::SystemRandom random;
  sys::PosixProcessRunner runner;
  test::FakeHttp http;
  std::optional<ReleaseSet> release_;
};

class Forming : public testing::Test {
 public:
  static void SetUpTestSuite() { lab_ = new Lab; }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }

 protected:
  static Lab& lab() { return *lab_; }
  static void expect_all_ready() {
    const auto observed = observe(lab().site());
    EXPECT_EQ(observed.voters(), 3);
    EXPECT_EQ(observed.nodes.size(), 4U);
    for (const auto& readiness : look(lab().site(), observed))
      EXPECT_TRUE(readiness.ready()) << as_error(readiness, Errc::failed).what();
  }

 private:
  static inline Lab* lab_ = nullptr;
};

TEST_F(Forming, IsFormedFromNothing) {
  for (const auto& box : lab().boxes) box->power_on();
  lab().bring("m1");
  EXPECT_EQ(lab().shell("m1", "grep -c server: /etc/rancher/rke2/config.yaml.d/10-hlid.yaml"), "0\n");
  const std::vector<std::string> others{"m2", "m3", "w1"};
  sys::in_parallel(3, 3, [&](std::size_t i) { lab().bring(others[i]); });
  settle(lab().site());
  expect_all_ready();
  EXPECT_TRUE(observe(lab().site()).vip_holder.has_value());
  for (const auto& box : lab().boxes)
    EXPECT_TRUE(contains(box->sh("cat /etc/rancher/rke2/config.yaml.d/10-hlid.yaml").output,
                         "server: \"https://10.99.0.100:9345\""));
}

TEST_F(Forming, TheFirstServerMadeAnewJoinsTheOthers) {
  const auto ca = observe(lab().site()).machine("m2")->ca_hash;
  lab().rebuild("m1");
  lab().bring("m1");
  expect_all_ready();
  EXPECT_EQ(observe(lab().site()).machine("m1")->ca_hash, ca);
}

TEST_F(Forming, AnAgentMadeAnewIsKilledAtEachCallAndJoins) {
  lab().rebuild("w1");
  lab().box("w1").power_on();
  install(*lab().fleet.guest("w1"), lab().release(), {.patience = 3.0});
  int kills = 0;
  for (int call = 1;; call += 2) {
    lab().fleet.kill_at = call;
    try {
      join(lab().site(), "w1");
      break;
    } catch (const test::Killed&) {
      ++kills;
    }
  }
  lab().fleet.kill_at = 0;
  EXPECT_GT(kills, 5);
  expect_all_ready();
}

TEST_F(Forming, AServerMadeAnewIsKilledWhileItJoinsAndItsGhostIsRemoved) {
  for (const auto* server : {"m1", "m2"})
    lab().shell(server, "mkdir -p /etc/rke2-fake; echo ghost_member_on_delete=1 >/etc/rke2-fake/faults");
  lab().rebuild("m3");
  lab().box("m3").power_on();
  install(*lab().fleet.guest("m3"), lab().release(), {.patience = 3.0});
  for (const int call : {8, 14, 20, 26}) {
    lab().fleet.kill_at = call;
    try {
      join(lab().site(), "m3", {lab().release().kube_vip_image});
    } catch (const test::Killed&) {
    }
  }
  lab().fleet.kill_at = 0;
  join(lab().site(), "m3", {lab().release().kube_vip_image});
  for (const auto* server : {"m1", "m2"}) lab().shell(server, "rm /etc/rke2-fake/faults");
  EXPECT_EQ(observe(lab().site()).members.size(), 3U);
  expect_all_ready();
}

TEST_F(Forming, AfterAPowerCutOfAllItComesBack) {
  for (const auto& box : lab().boxes) box->cut_power();
  lab().power_on({"m1", "m2", "m3", "w1"});
  for (const auto& box : lab().boxes) lab().bring(box->name());
  expect_all_ready();
}

TEST_F(Forming, NoSecondClusterIsFoundedWhileTheOthersAreAway) {
  lab().rebuild("m1");
  lab().box("m2").cut_power();
  lab().box("m3").cut_power();
  try {
    lab().bring("m1");
    ADD_FAILURE() << "a second cluster was founded";
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.what(), "server-unreachable: ")) << error.what();
    EXPECT_EQ(error.code(), Errc::precondition);
  }
  lab().power_on({"m2", "m3"});
  lab().bring("m1");
  expect_all_ready();
}

TEST_F(Forming, AWrongTokenIsToldAtOnce) {
  lab().rebuild("w1");
  lab().box("w1").power_on();
  install(*lab().fleet.guest("w1"), lab().release(), {.patience = 3.0});
  for (const auto* server : {"m1", "m2", "m3"})
    lab().shell(server,
                "cd /var/lib/rancher/rke2/server; [ ! -e agent-token ] || mv agent-token /root; "
                "sed 's/:[^:]*$/:wrong/' token >agent-token");
  try {
    join(lab().site(), "w1");
    ADD_FAILURE() << "it joined with a wrong token";
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.what(), "link 'unit' does not hold: the token was refused")) << error.what();
  }
  for (const auto* server : {"m1", "m2", "m3"})
    lab().shell(server,
                "cd /var/lib/rancher/rke2/server; rm agent-token; [ ! -e /root/agent-token ] || mv "
                "/root/agent-token .");
  join(lab().site(), "w1");
  expect_all_ready();
}

}  // namespace
}  // namespace hlid::cluster

int main(int count, char** words) {
  return hlid::test::run_in_boxes(count, words,
                                  "*.IsFormedFromNothing:*.TheFirstServerMadeAnewJoinsTheOthers:"
                                  "*.NoSecondClusterIsFoundedWhileTheOthersAreAway");
}
