// Members come and go: power cuts, rebuilt machines, deleted nodes.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "support/fake_rke2/self_cluster.h"

namespace hlid::test {
namespace {

bool has_vip(Rke2Box& box) {
  return contains(box.sh("ip -br address show eth0").output, kVip + "/32");
}

TEST(Members, AddressMovesWhenItsHolderLosesPower) {
  auto& c = cluster();
  c.m1.cut_power();
  EXPECT_TRUE(eventually(40s, [&] { return has_vip(c.m2) || has_vip(c.m3); }));
  EXPECT_TRUE(eventually(30s, [&] { return c.m2.try_kubectl("get nodes").ok(); }));
  c.m1.power_on();
  EXPECT_TRUE(eventually(60s, [&] { return is_active(c.m1, "server"); })) << c.m1.journal("server");
  EXPECT_TRUE(eventually(60s, [&] { return c.all_vote(c.m1) && c.all_ready(c.m1); }));
}

TEST(Members, StopLeavesContainersAndKillallDoesNot) {
  auto& c = cluster();
  c.m3.sh("systemctl stop rke2-server");
  EXPECT_TRUE(contains(c.m3.sh("pgrep -a etcd").output, "--data-dir=/var/lib/rancher/rke2/server/db/etcd"));
  c.kill_all(c.m3);
  EXPECT_FALSE(contains(c.m3.sh("pgrep -a etcd").output, "--data-dir"));
  EXPECT_FALSE(contains(c.m3.sh("ls /var/lib/rancher/rke2/agent/pod-manifests").output, "etcd.yaml"));
  c.m3.start("server");
  EXPECT_TRUE(eventually(60s, [&] { return is_active(c.m3, "server"); })) << c.m3.journal("server");
}

TEST(Members, RebuiltAgentIsRefusedUntilItsNodeIsDeleted) {
  auto& c = cluster();
  c.m1.kubectl("cordon w2");
  EXPECT_TRUE(contains(c.m1.kubectl("get nodes"), "Ready,SchedulingDisabled"));
  EXPECT_TRUE(contains(c.m1.kubectl("drain w2 --ignore-daemonsets --delete-emptydir-data --timeout=60s"),
                       "node/w2 drained"));
  EXPECT_TRUE(c.w2.sh("rke2-uninstall.sh").ok());
  EXPECT_EQ(c.w2.sh("ls -d /usr/local/bin/rke2* /usr/local/share/rke2 /usr/local/lib/systemd/system/rke2* "
                    "/etc/rancher "
                    "/var/lib/rancher /var/lib/kubelet /var/log/pods 2>/dev/null")
                .output,
            "");
  c.w2.install(kFirst);
  c.configure_agent(c.w2);
  c.w2.start("agent");
  EXPECT_TRUE(eventually(60s, [&] { return contains(c.w2.journal("agent"), "Node password rejected"); }));
  EXPECT_TRUE(contains(c.m1.kubectl("delete node w2"), "node \"w2\" deleted"));
  c.m1.kubectl("-n kube-system delete secret w2.node-password.rke2 --ignore-not-found");
  EXPECT_TRUE(eventually(60s, [&] { return c.all_ready(c.m1); })) << c.w2.journal("agent");
}

TEST(Members, RebuiltServerJoinsAfterItsMemberIsGone) {
  auto& c = cluster();
  c.kill_all(c.m3);
  c.m3.sh("rke2-uninstall.sh");
  c.m3.install(kFirst);
  c.configure_server(c.m3, true);
  c.m3.start("server");
  EXPECT_TRUE(eventually(60s, [&] { return contains(c.m3.journal("server"), "duplicate node name found"); }))
      << c.m3.journal("server");
  c.m1.kubectl("delete node m3");
  EXPECT_TRUE(eventually(60s, [&] {
    const auto members = c.m1.members();
    return std::ranges::count(members, "m1 voter") == 1 && std::ranges::count(members, "m2 voter") == 1 &&
           contains(c.m1.journal("server") + c.m2.journal("server"), "Removing etcd member m3-");
  }));
  EXPECT_TRUE(eventually(120s, [&] { return is_active(c.m3, "server"); })) << c.m3.journal("server");
  EXPECT_TRUE(eventually(30s, [&] { return c.all_vote(c.m1) && c.all_ready(c.m1); }));
}

TEST(Members, RemovedServerDoesNotComeBack) {
  auto& c = cluster();
  c.m1.kubectl("delete node m3");
  EXPECT_TRUE(eventually(60s, [&] {
    return contains(c.m3.journal("server"), "this server is a not a member of the etcd cluster");
  })) << c.m3.journal("server");
  EXPECT_EQ(c.m1.members(), (Names{"m1 voter", "m2 voter"}));
  c.kill_all(c.m3);
  c.m3.sh("rm -rf /var/lib/rancher/rke2/server/db");
  c.m3.start("server");
  EXPECT_TRUE(eventually(120s, [&] { return c.all_vote(c.m1) && is_active(c.m3, "server"); }))
      << c.m3.journal("server");
}

TEST(Members, DeadMemberBlocksJoins) {
  auto& c = cluster();
  c.m2.cut_power();
  Rke2Box m4(c.network, "m4", "10.99.0.14");
  m4.power_on();
  m4.install(kFirst);
  c.configure_server(m4, true);
  m4.start("server");
  EXPECT_TRUE(eventually(90s, [&] { return contains(m4.journal("server"), "unhealthy cluster"); }))
      << m4.journal("server");
  m4.cut_power();
  c.m2.power_on();
  EXPECT_TRUE(eventually(90s, [&] { return c.all_vote(c.m2) && c.all_ready(c.m2); }))
      << c.m2.journal("server");
}

TEST(Members, LabelsAndTaintsChangeLive) {
  auto& c = cluster();
  EXPECT_EQ(c.m1.kubectl("label node w1 tier=gold --overwrite"), "node/w1 labeled\n");
  EXPECT_EQ(c.m1.kubectl("get nodes -l tier=gold -o name"), "node/w1\n");
  EXPECT_FALSE(c.m1.try_kubectl("label node w1 tier=iron").ok());
  c.m1.kubectl("label node w1 tier=work --overwrite");
  EXPECT_EQ(c.m1.kubectl("taint node w1 a=b:NoSchedule"), "node/w1 tainted\n");
  EXPECT_EQ(c.m1.kubectl("get node w1 -o jsonpath='{.spec.taints[*].key}={.spec.taints[0].value}'"), "a=b");
  EXPECT_EQ(c.m1.kubectl("taint node w1 a:NoSchedule-"), "node/w1 untainted\n");
  const auto unknown = c.m1.try_kubectl("get node nobody");
  EXPECT_EQ(unknown.status, 1);
  EXPECT_EQ(trim(unknown.error_output), "Error from server (NotFound): nodes \"nobody\" not found");
}

}  // namespace
}  // namespace hlid::test
