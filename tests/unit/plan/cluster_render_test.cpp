// Plans of a cluster as people see them: one golden for each situation.
#include <gtest/gtest.h>

#include <functional>

#include "support/golden.h"
#include "support/plan_cluster.h"

namespace hlid::plan {
namespace {

using test::cluster_lab;
using test::FormedLab;

struct Situation {
  std::string name;
  std::function<void(FormedLab&)> change;  ///< of the cluster just formed
  bool from_nothing = false;
};

void consent(FormedLab& world, const std::string& to) {
  world.options.allow.insert(to);
}

const Situation kSituations[] = {
    {"new", [](auto&) {}, true},
    {"new-to-be-fetched", [](auto& world) { world.options.cluster.at_hand = false; }, true},
    {"waiting",
     [](auto& world) {
       world.options.cluster.at_hand = false;
       world.options.cluster.missing = {
           "rke2 v1.34.1+rke2r1 is not here and cannot be fetched: rke2.linux-amd64.tar.gz, "
           "rke2-images.linux-amd64.tar.zst",
           {"let this computer reach github.com", "put the files into a folder: cluster.artifacts: DIR"}};
     },
     true},
    {"nothing-to-do", [](auto&) {}},
    {"power-cut",
     [](auto& world) {
       for (const auto& machine : world.lab.machines) world.cluster.power_cut(machine.name);
     }},
    {"server-off", [](auto& world) { world.cluster.power_cut("valaskjalf-master-2"); }},
    {"server-lost", [](auto& world) { world.cluster.destroy("valaskjalf-master-1"); }},
    {"services-stopped",
     [](auto& world) {
       for (const auto& machine : world.lab.machines) world.cluster.stop_service(machine.name);
     }},
    {"cores",
     [](auto& world) {
       world.lab.machines[0].cores = 4;
       world.lab.machines[1].cores = 4;
     }},
    {"labels-and-taints",
     [](auto& world) {
       world.lab.machines[3].labels = {{"tier", "web"}};
       world.lab.machines[4].taints = {"gpu=yes:NoSchedule"};
     }},
    {"configuration",
     [](auto& world) {
       world.lab.cluster->tls_san = {"odin.lan"};
       world.cluster.look();
     }},
    {"upgrade", [](auto& world) { world.lab.cluster->version = test::kNextRelease; }},
    {"upgrade-refused",
     [](auto& world) {
       world.lab.cluster->version = "v1.36.0+rke2r1";
       world.options.cluster.upgrade_refused = {
           "from v1.34.1+rke2r1 to v1.36.0+rke2r1 a minor release is skipped"};
       world.options.cluster.upgrade_fix = "write a v1.35 release first";
     }},
    {"newer-in-the-channel",
     [](auto& world) {
       world.lab.cluster->channel = "stable";
       world.options.cluster.newer = "v1.35.7+rke2r1";
     }},
    {"fewer-workers",
     [](auto& world) {
       world.lab.machines.pop_back();
       world.cluster.look();
     }},
    {"fewer-workers-with-consent",
     [](auto& world) {
       world.lab.machines.pop_back();
       world.cluster.look();
       consent(world, "destroy=valaskjalf-worker-3");
     }},
    {"replace-dead",
     [](auto& world) {
       world.cluster.power_cut("valaskjalf-master-1");
       world.options.replace = {"valaskjalf-master-1"};
       consent(world, "replace=valaskjalf-master-1");
     }},
    {"replace-last",
     [](auto& world) {
       world.lab = cluster_lab(1, 0);
       world.cluster.look();
       for (const char* other : {"2", "3"}) consent(world, std::string("destroy=valaskjalf-master-") + other);
       for (const char* other : {"1", "2", "3"})
         consent(world, std::string("destroy=valaskjalf-worker-") + other);
       world.options.replace = {"valaskjalf-master-1"};
       consent(world, "replace=valaskjalf-master-1");
     }},
};

class OfACluster : public testing::TestWithParam<Situation> {};

TEST_P(OfACluster, AsTheGoldenSays) {
  const auto& situation = GetParam();
  FormedLab world(cluster_lab());
  if (!situation.from_nothing) world.up();
  situation.change(world);
  test::expect_golden("plan/cluster-" + situation.name + ".txt", render(world.plan()));
}

INSTANTIATE_TEST_SUITE_P(Situations, OfACluster, testing::ValuesIn(kSituations),
                         [](const auto& param) { return replace_all(param.param.name, "-", "_"); });

TEST(OfAClusterToo, AsJson) {
  FormedLab world(cluster_lab(1, 0));
  world.options.cluster.at_hand = false;
  world.options.cluster.missing = {"cannot be had", {"fetch it"}};
  const auto json = to_json(world.plan()).as_object();
  EXPECT_EQ(json.at("waiting").as_array().size(), 1U);
  EXPECT_EQ(json.at("waiting").at(0).at("code").as_string(), "release-not-reached");
  EXPECT_EQ(json.at("waiting").at(0).at("steps").at(0).at("phase").as_string(), "cluster");
  EXPECT_FALSE(json.at("look_again").as_bool());
}

}  // namespace
}  // namespace hlid::plan
