#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/api_route.h"
#include "cli/cluster_report.h"
#include "cli/verb_progress.h"
#include "cluster/kubeconfig.h"
#include "cluster/probe.h"
#include "cluster/rotate.h"
#include "unit/cluster/change_scripts.h"

namespace hlid::cli {
namespace {

ClusterLook look_at(test::ClusterWorld& world) {
  ClusterLook seen;
  seen.observed = cluster::observe(world.site());
  seen.ladders = cluster::look(world.site(), seen.observed);
  return seen;
}

/// Nothing runs anywhere.
TEST(ClusterReport, OfMachinesThatHaveNothingSaysWhatEachLacks) {
  test::ClusterWorld world(3, 1);
  const auto look = look_at(world);
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

TEST(ClusterReport, OfAWellClusterSaysWhoVotesAndLeads) {
  test::FormedWorld world(3, 1);
  const auto look = look_at(world);
  EXPECT_TRUE(look.all_ready()) << cluster_troubles(world.lab, look);
  EXPECT_EQ(cluster_troubles(world.lab, look), "");
  const auto headline = cluster_headline(world.lab, look);
  EXPECT_TRUE(contains(headline, "3 of 3 servers vote, leader m-")) << headline;
  EXPECT_TRUE(contains(headline, "VIP 10.10.10.100 on m-")) << headline;
  const auto table = members_table(world.lab, look);
  EXPECT_TRUE(contains(table, "leader")) << table;
  EXPECT_TRUE(contains(table, "v1.34.1+rke2r1")) << table;
  EXPECT_TRUE(cluster_json(world.lab, look).at("ready").as_bool());
}

TEST(ClusterReport, OfADeadServerSaysWhereItEndsAndTheRestGoesOn) {
  test::FormedWorld world(3, 0);
  world.sim.cut_power(world.machine("m-2"));
  world.pass(std::chrono::seconds(60));
  const auto look = look_at(world);
  EXPECT_FALSE(look.all_ready());
  const auto troubles = cluster_troubles(world.lab, look);
  EXPECT_TRUE(contains(troubles, "m-2: running: ")) << troubles;
  EXPECT_FALSE(contains(troubles, "m-1: ")) << troubles;
  const auto members = cluster_json(world.lab, look).at("members").as_array();
  EXPECT_EQ(members.at(1).at("broken").as_string(), "running");
  EXPECT_FALSE(members.at(0).as_object().contains("broken"));
}

TEST(ClusterReport, MembersThatTheFileDoesNotHaveAreNamed) {
  test::FormedWorld world(3, 1);
  world.lab.machines.pop_back();
  const auto look = look_at(world);
  const auto found = strangers(world.lab, look);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(contains(found.front(), "'w-1'")) << found.front();
}

std::string kubeconfig_text() {
  const auto pem = [](const std::string& what) {
    return base64_encode("-----BEGIN " + what + "-----\nAAAA\n-----END " + what + "-----\n");
  };
  return "    certificate-authority-data: " + pem("CERTIFICATE") +
         "\n    client-certificate-data: " + pem("CERTIFICATE") +
         "\n    client-key-data: " + pem("EC PRIVATE KEY") + "\n";
}

TEST(AdminAccess, IsFromAnyServerThatHasIt) {
  test::FormedWorld world(3, 0);
  world.sim.cut_power(world.machine("m-1"));
  world.machine("m-3").files["/etc/rancher/rke2/rke2.yaml"] = kubeconfig_text();
  EXPECT_FALSE(cluster::find_admin_access(world.site()).ca_data.empty());
}

TEST(AdminAccess, WhyNoServerHasOneIsSaidOfEach) {
  test::FormedWorld world(3, 0);
  world.sim.cut_power(world.machine("m-1"));
  world.machine("m-2").silent = true;
  try {
    cluster::find_admin_access(world.site());
    FAIL() << "found";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    for (const char* part : {"'m-1' does not run", "'m-2': ", "'m-3' has no /etc/rancher/rke2/rke2.yaml"})
      EXPECT_TRUE(contains(error.message(), part)) << error.message();
  }
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

TEST(VerbProgress, OfARotationEveryMemberHasALineThatEnds) {
  test::ChangingWorld world(3, 1);
  testing::internal::CaptureStdout();
  VerbProgress progress(world.lab, "token", ProgressStyle::plain);
  auto site = world.site();
  site.phase = [&](const std::string& text) { progress.phase(text); };
  tell(progress, [&] { cluster::rotate_token(site); });
  const auto text = testing::internal::GetCapturedStdout();
  for (const char* name : {"m-1", "m-2", "m-3", "w-1"}) {
    EXPECT_TRUE(contains(text, std::string(name) + ": restarting")) << text;
    EXPECT_TRUE(contains(text, std::string(name) + ": done")) << text;
  }
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
