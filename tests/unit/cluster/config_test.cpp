// The configuration of a machine: goldens, and what a change of it means.
#include "cluster/config.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "cluster_lab.h"
#include "support/golden.h"

namespace hlid::cluster {
namespace {

using test::cluster_lab;

model::Homelab rich_lab(const std::string& distribution) {
  auto lab = cluster_lab(distribution);
  auto& cluster = *lab.cluster;
  cluster.tls_san = {"k8s.example.org", "192.0.2.1", "10.10.10.100"};
  cluster.ingress = "none";
  cluster.options = {{"kubelet-arg", {{"max-pods=200", "v=2"}, true}},
                     {"kube-apiserver-arg", {{"audit-log-maxage=30"}, true}},
                     {"etcd-snapshot-schedule-cron", {{"0 */6 * * *"}, false}},
                     {"new-in-a-later-release", {{"a \"quoted\" # text: with\nlines"}, false}}};
  for (auto& machine : lab.machines) {
    machine.labels = {{"tier", "db"}, {"empty", ""}, {"node-role.kubernetes.io/worker", "true"}};
    machine.taints = {"dedicated=db:NoSchedule", "lonely:NoExecute"};
  }
  return lab;
}

TEST(Config, Goldens) {
  const auto lab = cluster_lab();
  test::expect_golden("cluster/rke2-first-boot.yaml", render_config(lab, lab.machines[0], Stage::first_boot));
  test::expect_golden("cluster/rke2-joining.yaml",
                      render_config(lab, lab.machines[1], Stage::joining, "https://10.10.10.101:9345"));
  test::expect_golden("cluster/rke2-agent.yaml", render_config(lab, lab.machines[3], Stage::settled));
}

TEST(Config, GoldensOfEverythingThatCanBeSet) {
  auto lab = rich_lab("rke2");
  lab.cluster->profile = "cis";
  test::expect_golden("cluster/rke2-rich-server.yaml", render_config(lab, lab.machines[0], Stage::settled));
  test::expect_golden("cluster/rke2-rich-agent.yaml", render_config(lab, lab.machines[4], Stage::settled));
}

TEST(Config, GoldensOfK3s) {
  auto lab = rich_lab("k3s");
  lab.cluster->cni = "none";
  test::expect_golden("cluster/k3s-first-boot.yaml", render_config(lab, lab.machines[0], Stage::first_boot));
  test::expect_golden("cluster/k3s-agent.yaml", render_config(lab, lab.machines[3], Stage::settled));
}

TEST(Config, TheCertificateIsGoodForWhereTheHostHasTheApi) {
  auto lab = cluster_lab();
  const auto before = render_config(lab, lab.machines[0], Stage::settled);
  lab.publish = {{{0x7f000001}, 6443, "vip", {*lab.cluster->vip}, 6443}};
  EXPECT_EQ(render_config(lab, lab.machines[0], Stage::settled), before) << "127.0.0.1 is in any";
  lab.publish[0].listen = *parse_ipv4("192.168.1.5");
  EXPECT_TRUE(contains(render_config(lab, lab.machines[0], Stage::settled), "\"192.168.1.5\""));
}

TEST(Config, ThatFoundsAClusterNamesNoServer) {
  for (const char* distribution : {"rke2", "k3s"}) {
    const auto lab = cluster_lab(distribution);
    EXPECT_FALSE(contains(render_config(lab, lab.machines[0], Stage::first_boot), "\nserver: "));
    EXPECT_TRUE(contains(render_config(lab, lab.machines[0], Stage::settled), "\nserver: "));
    EXPECT_FALSE(contains(render_config(lab, lab.machines[0], Stage::settled), "cluster-init"));
  }
}

TEST(Config, CriticalValuesAreTheSameOnAllServers) {
  const auto lab = rich_lab("rke2");
  const auto line = [](const std::string& text, const std::string& key) {
    const auto at = text.find("\n" + key + ": ");
    return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  };
  const auto first = render_config(lab, lab.machines[0], Stage::first_boot);
  for (std::size_t i = 1; i < 3; ++i) {
    const auto other = render_config(lab, lab.machines[i], Stage::joining, "https://10.10.10.101:9345");
    for (const char* key :
         {"cluster-cidr", "service-cidr", "ingress-controller", "cni", "kube-apiserver-arg"})
      EXPECT_EQ(line(first, key), line(other, key)) << key;
  }
}

TEST(Config, EveryLineIsAKeyWithJsonAndNoSecret) {
  for (const char* distribution : {"rke2", "k3s"}) {
    const auto lab = rich_lab(distribution);
    for (const auto& machine : lab.machines) {
      const auto text = render_config(lab, machine, Stage::settled);
      EXPECT_FALSE(contains(text, "token"));
      for (const auto& line : split(text, '\n')) {
        if (line.empty() || line.front() == '#') continue;
        const auto colon = line.find(": ");
        ASSERT_NE(colon, std::string::npos) << line;
        EXPECT_NO_THROW(parse_json(line.substr(colon + 2))) << line;
      }
    }
  }
}

TEST(SettledUrl, IsTheVipOrAnotherServer) {
  auto lab = cluster_lab();
  EXPECT_EQ(settled_url(lab, lab.machines[0]), "https://10.10.10.100:9345");
  lab.cluster->vip.reset();
  EXPECT_EQ(settled_url(lab, lab.machines[0]), "https://10.10.10.102:9345");
  EXPECT_EQ(settled_url(lab, lab.machines[1]), "https://10.10.10.101:9345");
  EXPECT_EQ(settled_url(lab, lab.machines[4]), "https://10.10.10.101:9345");
  lab.machines.erase(lab.machines.begin() + 1, lab.machines.begin() + 3);
  EXPECT_EQ(settled_url(lab, lab.machines[0]), "");
  EXPECT_EQ(server_url("k3s", *parse_ipv4("10.0.0.1")), "https://10.0.0.1:6443");
}

TEST(ConfigHash, IgnoresWhatIsChangedLive) {
  auto lab = cluster_lab();
  const auto before = config_hash(lab, lab.machines[0]);
  EXPECT_EQ(before, config_hash(render_config(lab, lab.machines[0], Stage::first_boot)));
  lab.machines[0].labels = {{"a", "b"}};
  lab.machines[0].taints = {"a:NoSchedule"};
  EXPECT_EQ(before, config_hash(lab, lab.machines[0]));
  lab.cluster->tls_san = {"k8s.example.org"};
  EXPECT_NE(before, config_hash(lab, lab.machines[0]));
  EXPECT_EQ(before.size(), 64U);
}

TEST(ConfigHash, OfAServerStaysWhenOthersCome) {
  auto lab = cluster_lab();
  const auto before = config_hash(lab, lab.machines[0]);
  auto more = lab.machines[1];
  more.name = "lab-m-4";
  more.address = *parse_cidr("10.10.10.104/24");
  lab.machines.push_back(more);
  EXPECT_EQ(before, config_hash(lab, lab.machines[0]));
}

TEST(PendingKeys, AreThoseThatDiffer) {
  auto lab = cluster_lab();
  const auto applied = render_config(lab, lab.machines[0], Stage::first_boot);
  EXPECT_TRUE(pending_keys(applied, render_config(lab, lab.machines[0], Stage::settled)).empty());
  lab.machines[0].labels = {{"a", "b"}};
  lab.cluster->tls_san = {"k8s.example.org"};
  lab.cluster->options = {{"kubelet-arg", {{"v=2"}, true}}};
  const auto wanted = render_config(lab, lab.machines[0], Stage::settled);
  EXPECT_EQ(pending_keys(applied, wanted), (std::vector<std::string>{"kubelet-arg", "tls-san"}));
  EXPECT_EQ(pending_keys(wanted, applied), (std::vector<std::string>{"kubelet-arg", "tls-san"}));
  EXPECT_FALSE(pending_keys("", wanted).empty()) << "never recorded: all";
}

TEST(ConfigFiles, RecordWhatAStartRead) {
  const auto lab = cluster_lab();
  const auto files = config_files(lab, lab.machines[3], Stage::settled);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "/etc/rancher/rke2/config.yaml.d/10-hlid.yaml");
  EXPECT_EQ(files[1].path, "/etc/systemd/system/rke2-agent.service.d/10-hlid.conf");
  EXPECT_TRUE(contains(files[1].content, "cp -f " + files[0].path + " " + applied_path("rke2")));
  const auto left = leftover_paths("rke2");
  EXPECT_NE(std::find(left.begin(), left.end(), files[1].path), left.end());
}

TEST(Token, IsAlwaysText) {
  EXPECT_EQ(render_token(Secret("0123")).reveal(), "# Written by hlid.\ntoken: \"0123\"\n");
  EXPECT_EQ(token_path("rke2"), "/etc/rancher/rke2/config.yaml.d/11-hlid-token.yaml");
}

}  // namespace
}  // namespace hlid::cluster
