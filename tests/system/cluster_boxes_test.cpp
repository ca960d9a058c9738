// The module `cluster` on boxes (support/box.h) with the stand-in for RKE2: what hlid does to machines,
// against a real systemd, a real journal and a real etcd, without a hypervisor. The cases build on each
// other.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <mutex>

#include "base/text.h"
#include "cluster/drill.h"
#include "cluster/fetch.h"
#include "cluster/form.h"
#include "cluster/install.h"
#include "cluster/leave.h"
#include "cluster/probe.h"
#include "cluster/readiness.h"
#include "cluster/replace.h"
#include "cluster/restore.h"
#include "cluster/rotate.h"
#include "cluster/snapshot.h"
#include "cluster/upgrade.h"
#include "net/http_client.h"
#include "support/fake_rke2/box_fleet.h"
#include "support/fake_rke2/rke2_box.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

/// Three servers and two agents as a file would have them, the boxes, and what verbs need.
class World {
 public:
  World() {
    lab_.name = "lab";
    lab_.network.cidr = *parse_cidr("10.99.0.0/24");
    lab_.cluster = model::Cluster{};
    lab_.cluster->vip = parse_ipv4("10.99.0.100");
    want("v1.34.1+rke2r1");
    for (int i = 1; i <= 3; ++i) add("master", i, model::Role::server, 10 + i);
    for (int i = 1; i <= 2; ++i) add("worker", i, model::Role::agent, 20 + i);
  }

  cluster::Site site() {
    return {lab_, fleet_, clock_, random_, [this](const std::string& text) { tell(text); }};
  }
  model::Homelab& lab() { return lab_; }
  Rke2Box& box(const std::string& name) { return *boxes_.at(name); }
  std::filesystem::path bundles() const { return folder_.path() / "bundles"; }

  void want(const std::string& version) {
    lab_.cluster->version = version;
    lab_.cluster->artifacts = artifacts(version);
  }
  cluster::ReleaseSet release() {
    return cluster::resolve(
        *lab_.cluster,
        {.cache = folder_.path() / "cache", .http = http_, .runner = runner_, .clock = clock_});
  }
  void install(const std::string& name) {
    BoxGuest guest(box(name));
    cluster::install(guest, release());
  }
  cluster::Materials materials() { return {release().kube_vip_image}; }
  /// A machine of the same name with nothing on its disk.
  void make_anew(const std::string& name) {
    box(name).cut_power();
    std::filesystem::remove_all(network_.folder() / name);
    box(name).power_on();
  }
  /// Names of those that are not ready, with why.
  std::string ill() {
    const auto observed = cluster::observe(site());
    std::string out;
    for (const auto& readiness : cluster::look(site(), observed))
      if (!readiness.ready()) out += cluster::as_error(readiness, Errc::failed).message() + "\n";
    if (!observed.vip_holder) out += "nobody holds the VIP\n";
    return out;
  }

 private:
  void add(const std::string& group, int number, model::Role role, int address) {
    model::Machine machine;
    machine.name = fmt::format("lab-{}-{}", group, number);
    machine.group = group;
    machine.number = number;
    machine.role = role;
    machine.address = *parse_cidr(fmt::format("10.99.0.{}/24", address));
    lab_.machines.push_back(machine);
    auto& slot = boxes_[machine.name];
    slot = std::make_unique<Rke2Box>(network_, machine.name, fmt::format("10.99.0.{}", address));
    slot->power_on();
    fleet_.add(*slot);
  }
  void tell(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(told_, text) != text) std::cerr << "    " << text << std::endl;
  }

  sys::TempFolder folder_{"hbox"};
  BoxNetwork network_{folder_.path() / "boxes"};
  model::Homelab lab_;
  std::map<std::string, std::unique_ptr<Rke2Box>> boxes_;
  BoxFleet fleet_;
  sys::SystemClock clock_;
  sys::SystemRandom random_;
  sys::PosixProcessRunner runner_;
  net::CurlHttpClient http_{net::TlsTrust{}};
  std::mutex mutex_;
  std::string told_;
};

std::unique_ptr<World> the_world;
World& world() {
  if (!the_world) the_world = std::make_unique<World>();
  return *the_world;
}

/// Runs a verb; its error is the test's failure, told whole.
template <typename Verb>
bool does(Verb verb) {
  try {
    verb();
    return true;
  } catch (const Error& error) {
    ADD_FAILURE() << error.what() << "\nhint: " << error.hint();
    return false;
  }
}

TEST(ClusterInBoxes, IsFormed) {
  auto& w = world();
  ASSERT_TRUE(does([&] {
    for (const auto& machine : w.lab().machines) w.install(machine.name);
    cluster::form(w.site(), "lab-master-1", w.materials());
    for (const char* name : {"lab-master-2", "lab-master-3", "lab-worker-1", "lab-worker-2"})
      cluster::join(w.site(), name, w.materials());
    cluster::settle(w.site());
  }));
  EXPECT_TRUE(eventually(std::chrono::seconds(30), [&] { return w.ill().empty(); })) << w.ill();
}

TEST(ClusterInBoxes, VerbsAreRepeatable) {
  auto& w = world();
  EXPECT_TRUE(does([&] {
    cluster::form(w.site(), "lab-master-1", w.materials());
    cluster::join(w.site(), "lab-worker-1", w.materials());
    cluster::settle(w.site());
  }));
  EXPECT_EQ(w.ill(), "");
}

TEST(ClusterInBoxes, FirstMasterIsReplaced) {
  auto& w = world();
  w.box("lab-master-1").cut_power();
  // It may have led etcd: the others elect first.
  EXPECT_TRUE(eventually(std::chrono::seconds(60), [&] { return cluster::observe(w.site()).answers; }));
  EXPECT_TRUE(does([&] { cluster::forget(w.site(), "lab-master-1"); }));
  w.make_anew("lab-master-1");
  ASSERT_TRUE(does([&] {
    w.install("lab-master-1");
    cluster::join(w.site(), "lab-master-1", w.materials());
  }));
  EXPECT_TRUE(eventually(std::chrono::seconds(30), [&] { return w.ill().empty(); })) << w.ill();
}

TEST(ClusterInBoxes, WorkerLeavesAndComesBack) {
  auto& w = world();
  ASSERT_TRUE(does([&] { cluster::leave(w.site(), "lab-worker-2"); }));
  EXPECT_FALSE(contains(w.box("lab-master-1").kubectl("get nodes"), "lab-worker-2"));
  ASSERT_TRUE(does([&] {
    w.install("lab-worker-2");
    cluster::join(w.site(), "lab-worker-2", w.materials());
  }));
  EXPECT_EQ(w.ill(), "");
}

TEST(ClusterInBoxes, SnapshotIsRestored) {
  auto& w = world();
  w.box("lab-master-2").kubectl("label node lab-worker-1 epoch=one --overwrite");
  std::filesystem::path bundle;
  ASSERT_TRUE(does([&] { bundle = cluster::take_snapshot(w.site(), w.bundles()).file; }));
  w.box("lab-master-2").kubectl("label node lab-worker-1 epoch=two --overwrite");
  ASSERT_TRUE(does(
      [&] { cluster::restore(w.site(), {.bundle = bundle, .kube_vip_image = w.release().kube_vip_image}); }));
  EXPECT_TRUE(eventually(std::chrono::seconds(60), [&] { return w.ill().empty(); })) << w.ill();
  EXPECT_EQ(w.box("lab-master-2").kubectl("get node lab-worker-1 -o jsonpath={.metadata.labels.epoch}"),
            "one");
}

TEST(ClusterInBoxes, TwoOfThreeServersAreLost) {
  auto& w = world();
  for (const char* name : {"lab-master-1", "lab-master-2"}) w.make_anew(name);
  ASSERT_TRUE(does([&] {
    cluster::restore(w.site(),
                     {.bundle = {}, .on = "lab-master-3", .kube_vip_image = w.release().kube_vip_image});
  }));
  ASSERT_TRUE(does([&] {
    for (const char* name : {"lab-master-1", "lab-master-2"}) {
      w.install(name);
      cluster::join(w.site(), name, w.materials());
    }
  }));
  EXPECT_TRUE(eventually(std::chrono::seconds(60), [&] { return w.ill().empty(); })) << w.ill();
}

TEST(ClusterInBoxes, SecretsAreRotated) {
  auto& w = world();
  EXPECT_TRUE(does([&] { cluster::rotate_token(w.site()); }));
  EXPECT_EQ(w.ill(), "");
  EXPECT_TRUE(does([&] { cluster::rotate_certificates(w.site()); }));
  EXPECT_EQ(w.ill(), "");
  EXPECT_TRUE(does([&] { cluster::rotate_encryption_key(w.site(), w.bundles()); }));
  EXPECT_EQ(w.ill(), "");
}

TEST(ClusterInBoxes, IsUpgradedOverAMinor) {
  auto& w = world();
  for (const char* version : {"v1.34.2+rke2r1", "v1.35.1+rke2r1"}) {
    w.want(version);
    EXPECT_TRUE(does([&] { cluster::upgrade(w.site(), w.release(), w.bundles()); }));
    EXPECT_TRUE(eventually(std::chrono::seconds(30), [&] { return w.ill().empty(); })) << w.ill();
  }
}

TEST(ClusterInBoxes, DrillsEndWell) {
  auto& w = world();
  for (const auto drill : {cluster::Drill::master, cluster::Drill::vip, cluster::Drill::power}) {
    EXPECT_TRUE(does([&] {
      const auto report = cluster::drill(w.site(), drill);
      EXPECT_TRUE(report.api_answers && report.whole_again) << cluster::to_string(drill);
    }));
  }
}

}  // namespace
}  // namespace hlid::test

int main(int count, char** words) {
  const int status = hlid::test::run_in_boxes(
      count, words, "*.IsFormed:*.VerbsAreRepeatable:*.FirstMasterIsReplaced:*.SnapshotIsRestored");
  hlid::test::the_world.reset();
  return status;
}
