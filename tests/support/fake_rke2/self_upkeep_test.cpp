// Day two: snapshots, restore, tokens, certificates, keys, upgrades.
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "support/fake_rke2/self_cluster.h"

namespace hlid::test {
namespace {

const std::string kSnapshots = "/var/lib/rancher/rke2/server/db/snapshots/";
const std::string kRestarted =
    "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now";
const std::string kRotated = "another-token-for-tests";

std::string save_snapshot(Rke2Box& box) {
  const auto text = box.sh("rke2 etcd-snapshot save --name before").output;
  const auto begin = text.find("Snapshot ");
  const auto end = text.find(" saved.");
  EXPECT_NE(end, std::string::npos) << text;
  return end == std::string::npos ? "" : text.substr(begin + 9, end - begin - 9);
}

TEST(Upkeep, SnapshotIsSavedListedAndPruned) {
  auto& m1 = cluster().m1;
  const auto name = save_snapshot(m1);
  EXPECT_TRUE(name.starts_with("before-m1-")) << name;
  const auto list = parse_json(m1.sh("rke2 etcd-snapshot ls -o json").output);
  bool found = false;
  for (const auto& item : list.at("items").as_array())
    found = found || item.at("spec").at("snapshotName").as_string() == name.c_str();
  EXPECT_TRUE(found);
  EXPECT_TRUE(contains(m1.kubectl("get etcdsnapshotfile"), "local-" + name));
  EXPECT_TRUE(m1.sh("ETCDCTL_API=3 etcdctl snapshot status " + kSnapshots + name).ok());
  EXPECT_TRUE(m1.sh("rke2 etcd-snapshot prune --snapshot-retention 0 --name before").ok());
  EXPECT_EQ(m1.sh("ls " + kSnapshots).output, "");
}

TEST(Upkeep, RestoreBringsBackWhatWas) {
  auto& c = cluster();
  c.m1.kubectl("label node w1 epoch=one --overwrite");
  const auto name = save_snapshot(c.m1);
  c.m1.kubectl("label node w1 epoch=two --overwrite");
  for (auto* box : c.servers()) box->sh("systemctl stop rke2-server");
  for (auto* box : {&c.m2, &c.m3}) c.kill_all(*box);
  const auto reset = "rke2 server --cluster-reset --cluster-reset-restore-path=" + kSnapshots + name;
  EXPECT_TRUE(contains(c.m1.sh("rke2 server --cluster-reset --server https://10.99.0.12:9345").error_output,
                       "cannot perform cluster-reset while server URL is set"));
  EXPECT_TRUE(contains(c.m1.sh(reset + " --token wrong", {}, 120s).error_output,
                       "bootstrap data already found and encrypted with different token"));
  const auto done = c.m1.sh(reset, {}, 120s);
  EXPECT_TRUE(done.ok() && contains(done.error_output, kRestarted)) << done.describe() << done.error_output;
  EXPECT_FALSE(c.m1.sh(reset, {}, 120s).ok()) << "a second reset without a start in between";
  c.m1.start("server");
  ASSERT_TRUE(eventually(90s, [&] { return is_active(c.m1, "server"); })) << c.m1.journal("server");
  EXPECT_EQ(c.m1.members(), Names{"m1 voter"});
  EXPECT_EQ(c.m1.kubectl("get node w1 -o jsonpath={.metadata.labels.epoch}"), "one");
  for (auto* box : {&c.m2, &c.m3}) {
    box->sh("rm -rf /var/lib/rancher/rke2/server/db");
    box->start("server");
  }
  EXPECT_TRUE(eventually(180s, [&] { return c.all_vote(c.m1) && c.all_ready(c.m1); }))
      << c.m2.journal("server") << c.m3.journal("server");
}

TEST(Upkeep, TokenIsRotated) {
  auto& c = cluster();
  const auto answer =
      c.m1.sh(std::string("rke2 token rotate --token ") + kToken + " --new-token " + kRotated);
  EXPECT_TRUE(contains(answer.output, "Token rotated, restart rke2 nodes with new token"))
      << answer.describe();
  c.m2.restart("server");
  EXPECT_TRUE(
      eventually(60s, [&] { return contains(c.m2.journal("server"), "encrypted with different token"); }));
  for (auto* box : c.servers()) {
    box->write("/etc/rancher/rke2/config.yaml.d/30-token.yaml", "token: " + kRotated + "\n");
    box->restart("server");
    EXPECT_TRUE(eventually(90s, [&] { return is_active(*box, "server"); })) << box->journal("server");
  }
  for (auto* box : c.agents()) {
    box->write("/etc/rancher/rke2/config.yaml.d/30-token.yaml", "token: " + c.token() + "\n");
    box->restart("agent");
    EXPECT_TRUE(eventually(90s, [&] { return is_active(*box, "agent"); })) << box->journal("agent");
  }
  EXPECT_TRUE(contains(c.token(), "::server:" + kRotated));
}

TEST(Upkeep, CertificatesAreCheckedAndRotated) {
  auto& m1 = cluster().m1;
  const auto before = m1.sh("sha256sum /var/lib/rancher/rke2/server/tls/client-admin.crt").output;
  const auto list = parse_json(m1.sh("rke2 certificate check --output json").output);
  EXPECT_GT(list.at("Certificates").as_array().size(), 8U);
  for (const auto& item : list.at("Certificates").as_array()) EXPECT_EQ(item.at("Status").as_string(), "OK");
  EXPECT_TRUE(contains(m1.sh("rke2 certificate check --output table").output, "client-admin.crt"));
  m1.sh("systemctl stop rke2-server");
  EXPECT_TRUE(
      contains(m1.sh("rke2 certificate rotate").error_output, "Successfully backed up certificates to"));
  m1.start("server");
  EXPECT_TRUE(eventually(90s, [&] { return is_active(m1, "server"); })) << m1.journal("server");
  EXPECT_NE(m1.sh("sha256sum /var/lib/rancher/rke2/server/tls/client-admin.crt").output, before);
  EXPECT_TRUE(m1.try_kubectl("get nodes").ok());
}

TEST(Upkeep, EncryptionKeysAreRotated) {
  auto& c = cluster();
  EXPECT_TRUE(contains(c.m1.sh("rke2 secrets-encrypt status").output, "All hashes match"));
  EXPECT_EQ(c.m1.sh("rke2 secrets-encrypt rotate-keys").output, "keys rotated, reencryption started\n");
  EXPECT_TRUE(eventually(30s, [&] {
    return contains(c.m1.sh("rke2 secrets-encrypt status").output,
                    "Current Rotation Stage: reencrypt_finished");
  }));
  EXPECT_TRUE(contains(c.m1.sh("rke2 secrets-encrypt status").output, "hash does not match between"));
  for (auto* box : c.servers()) {
    box->restart("server");
    EXPECT_TRUE(eventually(90s, [&] { return is_active(*box, "server"); })) << box->journal("server");
  }
  EXPECT_TRUE(eventually(
      20s, [&] { return contains(c.m1.sh("rke2 secrets-encrypt status").output, "All hashes match"); }));
}

TEST(Upkeep, NodesAreUpgradedOneByOne) {
  auto& c = cluster();
  const std::string next = "v1.34.2+rke2r1";
  const auto upgrade = [&](Rke2Box& box, const std::string& role) {
    box.install(next);
    box.restart(role);
    EXPECT_TRUE(eventually(90s, [&] {
      return is_active(box, role) && contains(c.m1.try_kubectl("get node " + box.name()).output, next) &&
             c.all_ready(c.m1);
    })) << box.journal(role);
  };
  for (auto* box : c.servers()) upgrade(*box, "server");
  for (auto* box : c.agents()) upgrade(*box, "agent");
  EXPECT_TRUE(c.all_vote(c.m1));
}

}  // namespace
}  // namespace hlid::test
