// The stand-in against what is known of RKE2: a cluster of boxes, from nothing to its end. The cases build on
// each other and run in their order.
#include <gtest/gtest.h>

#include "base/text.h"
#include "support/fake_rke2/self_cluster.h"

namespace hlid::test {
namespace {

const std::string kKubeVip = R"(apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-vip-ds, namespace: kube-system}
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: kube-vip
        image: docker.io/rancher/mirrored-kube-vip-kube-vip-iptables:v0.8.9
        args: [manager]
        env:
        - {name: vip_arp, value: "true"}
        - {name: vip_interface, value: eth0}
        - {name: vip_subnet, value: "32"}
        - {name: address, value: "10.99.0.100"}
        - {name: cp_enable, value: "true"}
        - {name: vip_leaseduration, value: "5"}
        - {name: vip_renewdeadline, value: "3"}
        - {name: vip_retryperiod, value: "1"}
)";

TEST(Form, FirstServerBecomesReady) {
  auto& m1 = cluster().m1;
  m1.power_on();
  m1.install(kFirst);
  EXPECT_TRUE(contains(m1.sh("rke2 --version").output, "rke2 version " + kFirst + " ("));
  cluster().configure_server(m1, false);
  m1.write("/etc/rancher/rke2/config.yaml.d/20-typo.yaml", "no-such-key: 1\n");
  m1.write("/var/lib/rancher/rke2/server/manifests/kube-vip.yaml", kKubeVip);
  m1.start("server");
  ASSERT_TRUE(eventually(120s, [&] { return m1.unit_state("server") == "active/running"; }))
      << m1.journal("server");
  const auto journal = m1.journal("server");
  for (const char* line :
       {"Unknown flag --no-such-key found in config.yaml, skipping", "ETCD server is now running",
        "Kube API server is now running", "rke2 is up and running"})
    EXPECT_TRUE(contains(journal, line)) << line << "\n" << journal;
  EXPECT_EQ(m1.members(), Names{"m1 voter"});
  EXPECT_TRUE(eventually(30s, [&] { return ready_nodes(m1) == Names{"m1"}; }));
  EXPECT_TRUE(contains(m1.kubectl("get --raw /readyz"), "ok"));
  EXPECT_EQ(m1.kubectl("get node m1 -o jsonpath={.status.nodeInfo.kubeletVersion}"), kFirst);
}

TEST(Form, SupervisorAsksForCredentials) {
  auto& m1 = cluster().m1;
  const auto status = [&](const std::string& options) {
    return m1.sh("curl -sk -o /dev/null -w '%{http_code}' " + options).output;
  };
  EXPECT_EQ(m1.sh("curl -sk https://127.0.0.1:9345/ping").output, "pong");
  EXPECT_TRUE(contains(m1.sh("curl -sk https://127.0.0.1:9345/cacerts").output, "BEGIN CERTIFICATE"));
  EXPECT_EQ(status("https://127.0.0.1:9345/v1-rke2/readyz"), "403");
  EXPECT_EQ(status("-u server:wrong https://127.0.0.1:9345/v1-rke2/readyz"), "401");
  EXPECT_EQ(status(std::string("-u server:") + kToken + " https://127.0.0.1:9345/v1-rke2/readyz"), "200");
  EXPECT_EQ(status(std::string("-u node:") + kToken + " https://127.0.0.1:9345/v1-rke2/server-bootstrap"),
            "403");
  EXPECT_EQ(status("https://127.0.0.1:6443/readyz"), "401");
  const auto token = m1.read("/var/lib/rancher/rke2/server/token");
  const auto sum = m1.sh("sha256sum /var/lib/rancher/rke2/server/tls/server-ca.crt").output.substr(0, 64);
  EXPECT_EQ(token, "K10" + sum + "::server:" + kToken + "\n");
}

TEST(Form, VirtualAddressAppears) {
  auto& m1 = cluster().m1;
  EXPECT_TRUE(eventually(30s, [&] {
    return contains(m1.sh("ip -br address show eth0").output, kVip + "/32");
  })) << m1.sh("cat /var/log/pods/kube-system_kube-vip/kube-vip/0.log").output;
  EXPECT_EQ(m1.kubectl("get lease -n kube-system plndr-cp-lock -o jsonpath={.spec.holderIdentity}"), "m1");
}

TEST(Form, TwoServersAndTwoAgentsJoinAtOnce) {
  auto& c = cluster();
  for (auto* box : {&c.m2, &c.m3}) {
    box->power_on();
    box->install(kFirst);
    c.configure_server(*box, true);
    box->start("server");
  }
  for (auto* box : c.agents()) {
    box->power_on();
    box->install(kFirst);
    c.configure_agent(*box);
    box->start("agent");
  }
  ASSERT_TRUE(eventually(180s,
                         [&] {
                           return c.m1.members() == Names{"m1 voter", "m2 voter", "m3 voter"};
                         }))
      << c.m2.journal("server") << c.m3.journal("server") << c.m1.journal("server");
  EXPECT_TRUE(eventually(120s,
                         [&] {
                           return ready_nodes(c.m1) == Names{"m1", "m2", "m3", "w1", "w2"};
                         }))
      << c.m1.kubectl("get nodes") << c.w1.journal("agent");
  for (auto* box : {&c.m2, &c.m3})
    EXPECT_TRUE(eventually(60s, [&] { return box->unit_state("server") == "active/running"; }))
        << box->journal("server");
  EXPECT_EQ(c.m2.kubectl("get node w1 -o jsonpath={.metadata.labels.tier}"), "work");
  EXPECT_EQ(c.m3.kubectl("get node m3 -o jsonpath='{.status.conditions[?(@.type==\"EtcdIsVoter\")].status}'"),
            "True");
}

}  // namespace
}  // namespace hlid::test
