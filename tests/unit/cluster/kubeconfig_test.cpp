#include "cluster/kubeconfig.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster_lab.h"
#include "support/golden.h"

namespace hlid::cluster {
namespace {

std::string pem(const std::string& what, const std::string& body) {
  return base64_encode("-----BEGIN " + what + "-----\n" + body + "\n-----END " + what + "-----\n");
}

const std::string kCa = pem("CERTIFICATE", "ca");
const std::string kClient = pem("CERTIFICATE", "client");
const std::string kKey = pem("EC PRIVATE KEY", "planted");

/// As the distribution writes it.
std::string theirs(const std::string& ca = kCa, const std::string& key = kKey) {
  return "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: " + ca +
         "\n    server: https://127.0.0.1:6443\n  name: default\ncontexts:\n- context:\n    cluster: "
         "default\n"
         "    user: default\n  name: default\ncurrent-context: default\nkind: Config\npreferences: "
         "{}\nusers:\n"
         "- name: default\n  user:\n    client-certificate-data: " +
         kClient + "\n    client-key-data: " + key + "\n";
}

TEST(Kubeconfig, TakesWhatAdmitsAndLeavesTheRest) {
  const auto access = parse_admin_access(Secret(theirs()));
  EXPECT_EQ(access.ca_data, kCa);
  EXPECT_EQ(access.client_data, kClient);
  EXPECT_EQ(access.key_data.reveal(), kKey);
}

TEST(Kubeconfig, IsWrittenWithTheLabsNameAndTheVip) {
  const auto lab = test::cluster_lab();
  const auto text = render_kubeconfig(parse_admin_access(Secret(theirs())), lab.name, api_url(lab));
  test::expect_golden("cluster/kubeconfig.yaml", text.reveal());
  const auto again = parse_admin_access(text);
  EXPECT_EQ(again.ca_data, kCa);
  EXPECT_EQ(again.key_data.reveal(), kKey);
}

TEST(Kubeconfig, ThatIsNoneIsRefusedWithoutShowingIt) {
  for (const auto& text : {std::string(), theirs("", kKey), theirs("planted", kKey), theirs(kCa, "!planted!"),
                           theirs(kCa, base64_encode("planted")), theirs(kCa, kCa), theirs() + theirs()}) {
    try {
      parse_admin_access(Secret(text));
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::protocol);
      EXPECT_FALSE(contains(error.what(), "planted")) << error.what();
    }
  }
}

TEST(ApiUrl, IsWhereThisHostHasThePortPublished) {
  auto lab = test::cluster_lab();
  const Ipv4 vip = *lab.cluster->vip;
  const Ipv4 local{0x7f000001};
  lab.publish = {{local, 9345, "vip", {vip}, 9345},
                 {local, 7443, "worker", {*parse_ipv4("10.10.10.111")}, 6443},
                 {{0}, 16443, "vip", {vip}, 6443}};
  EXPECT_EQ(api_url(lab), "https://127.0.0.1:16443");
  lab.publish.back().listen = *parse_ipv4("192.168.1.5");
  EXPECT_EQ(api_url(lab), "https://192.168.1.5:16443");
  lab.proxmox.endpoint = "https://asgard.lan";
  EXPECT_EQ(api_url(lab), "https://10.10.10.100:6443");
}

TEST(ApiUrl, WithoutAVipIsTheFirstServer) {
  auto lab = test::cluster_lab();
  EXPECT_EQ(api_url(lab), "https://10.10.10.100:6443");
  lab.cluster->vip.reset();
  EXPECT_EQ(api_url(lab), "https://10.10.10.101:6443");
  lab.machines.clear();
  EXPECT_THROW(api_url(lab), Error);
}

}  // namespace
}  // namespace hlid::cluster
