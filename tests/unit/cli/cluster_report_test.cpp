#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/api_route.h"
#include "cli/cluster_report.h"
#include "cli/verb_progress.h"
#include "cluster/probe.h"
#include "support/cluster_world.h"

namespace hlid::cli {
namespace {

struct World : test::ClusterWorld {
  using ClusterWorld::ClusterWorld;
  ClusterLook look() {
    ClusterLook seen;
    seen.observed = cluster::observe(site());
    seen.ladders = cluster::look(site(), seen.observed);
    return seen;
  }
};

/// Nothing runs anywhere.
TEST(ClusterReport, OfMachinesThatHaveNothingSaysWhatEachLacks) {
  World world(3, 1);
  const auto look = world.look();
  EXPECT_FALSE(look.all_ready());
  EXPECT_TRUE(contains(cluster_headline(world.lab, look), "no server answers"));
  const auto table = members_table(world.lab, look);
  for (const char* name : {"m-1", "m-2", "m-3", "w-1"}) EXPECT_TRUE(contains(table, name)) << table;
  const auto troubles = cluster_troubles(world.lab, look);
  EXPECT_TRUE(contains(troubles, "m-1: unit: ")) << troubles;
  EXPECT_TRUE(contains(troubles, "  fix: ")) << troubles;
  const auto json = cluster_json(world.lab, look);
  EXPECT_FALSE(json.at("ready").as_bool());
  EXPECT_EQ(json.at("members").as_array().size(), 4U);
  EXPECT_TRUE(json.at("leader").is_null());
}

model::Homelab published(int port, Ipv4 listen, Ipv4 to, int target) {
  test::ClusterWorld world(3, 1);
  world.lab.publish.push_back({listen, port, "vip", {to}, target});
  return world.lab;
}

TEST(ApiRoute, OnTheEmbeddedNodeIsAPublishedPortThatLeadsToTheApi) {
  const auto vip = *parse_ipv4("10.10.10.100");
  const auto loopback = *parse_ipv4("127.0.0.1");
  EXPECT_EQ(route_to_api(published(16443, loopback, vip, 6443)).server, "https://127.0.0.1:16443");
  EXPECT_EQ(route_to_api(published(6443, Ipv4{0}, *parse_ipv4("10.10.10.102"), 6443)).server,
            "https://127.0.0.1:6443");
  EXPECT_EQ(route_to_api(published(6443, loopback, vip, 6443)).note, "");
}

TEST(ApiRoute, OtherPortsDoNotCountAndWhatToPublishIsSaid) {
  const auto loopback = *parse_ipv4("127.0.0.1");
  for (const auto& lab : {published(8443, loopback, *parse_ipv4("10.10.10.100"), 443),
                          published(6443, loopback, *parse_ipv4("10.10.10.111"), 6443)}) {
    const auto route = route_to_api(lab);
    EXPECT_EQ(route.server, "https://10.10.10.100:6443");
    EXPECT_TRUE(contains(route.fix, "publish: [{port: 6443, to: vip}]")) << route.fix;
  }
}

TEST(ApiRoute, AnAddressThatTheCertificateLacksIsTold) {
  auto lab = published(6443, *parse_ipv4("192.168.1.5"), *parse_ipv4("10.10.10.100"), 6443);
  EXPECT_TRUE(contains(route_to_api(lab).fix, "tls_san"));
  lab.cluster->tls_san = {"192.168.1.5"};
  EXPECT_EQ(route_to_api(lab).note, "");
}

TEST(ApiRoute, OnAProxmoxVeIsTheVipItself) {
  auto lab = published(6443, *parse_ipv4("127.0.0.1"), *parse_ipv4("10.10.10.100"), 6443);
  lab.proxmox.endpoint = "https://asgard:8006";
  EXPECT_EQ(route_to_api(lab).server, "https://10.10.10.100:6443");
  EXPECT_EQ(route_to_api(lab).note, "");
}

TEST(VerbProgress, AMachinesPhasesAreItsOwnAndTheRestTheLabs) {
  test::ClusterWorld world(3, 0);
  testing::internal::CaptureStdout();
  VerbProgress progress(world.lab, "upgrade", ProgressStyle::plain);
  progress.phase("taking a snapshot on m-2");
  progress.phase("m-1: restarting");
  progress.phase("m-1: done");
  progress.phase("waiting: 'm-3' is a learner");
  progress.finish();
  const auto text = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(contains(text, "lab: taking a snapshot on m-2")) << text;
  EXPECT_TRUE(contains(text, "m-1: restarting")) << text;
  EXPECT_TRUE(contains(text, "m-1: done")) << text;
  EXPECT_TRUE(contains(text, "lab: waiting: 'm-3'")) << text;
  EXPECT_FALSE(contains(text, "m-2: ")) << text;
}

TEST(VerbProgress, AFailureIsToldOfWhatWasUnderWayOnly) {
  test::ClusterWorld world(3, 0);
  testing::internal::CaptureStdout();
  VerbProgress progress(world.lab, "upgrade", ProgressStyle::json);
  EXPECT_THROW(tell(progress,
                    [&] {
                      progress.phase("m-1: restarting");
                      progress.phase("m-1: done");
                      progress.phase("m-2: restarting");
                      throw Error(Errc::timeout, "it does not come").with_hint("hlid logs m-2");
                    }),
               Error);
  const auto text = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(contains(text, R"("event":"finished","step":"upgrade m-1")")) << text;
  EXPECT_TRUE(contains(text, R"("event":"failed","step":"upgrade m-2")")) << text;
  EXPECT_FALSE(contains(text, R"("failed","step":"upgrade m-1")")) << text;
}

}  // namespace
}  // namespace hlid::cli
