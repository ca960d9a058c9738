#include "cluster/kube_vip.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cluster_lab.h"
#include "path_guest.h"
#include "support/golden.h"

namespace hlid::cluster {
namespace {

constexpr const char* kAddresses =
    "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
    "2: eth0    inet 10.10.10.101/24 brd 10.10.10.255 scope global eth0\\       valid_lft forever\n"
    "2: eth0    inet 10.10.10.100/32 scope global deprecated eth0\\       valid_lft forever\n"
    "7: veth1@if2    inet 169.254.1.1/32 scope link veth1\\       valid_lft forever\n";

TEST(KubeVip, Manifest) {
  const auto lab = test::cluster_lab();
  const auto file = kube_vip_file(lab, "eth0", "ghcr.io/kube-vip/kube-vip:v0.8.7");
  EXPECT_EQ(file.path, "/var/lib/rancher/rke2/server/manifests/kube-vip.yaml");
  test::expect_golden("cluster/kube-vip.yaml", file.content);
}

TEST(KubeVip, InterfaceOfAnAddress) {
  EXPECT_EQ(interface_of(kAddresses, *parse_ipv4("10.10.10.101")), "eth0");
  EXPECT_EQ(interface_of(kAddresses, *parse_ipv4("169.254.1.1")), "veth1");
  EXPECT_EQ(interface_of(kAddresses, *parse_ipv4("10.10.10.1")), std::nullopt);
  EXPECT_EQ(interface_of("", *parse_ipv4("10.10.10.1")), std::nullopt);
}

TEST(KubeVip, AMachineWithoutTheAddressSaysWhatItHas) {
  sys::TempFolder folder;
  test::PathGuest guest(folder.path());
  guest.stub("ip", "cat <<'END'\n" + std::string(kAddresses) + "END");
  EXPECT_EQ(find_interface(guest, *parse_ipv4("10.10.10.101")), "eth0");
  try {
    find_interface(guest, *parse_ipv4("10.10.10.102"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_EQ(error.hint(),
              "it has lo 127.0.0.1/8, eth0 10.10.10.101/24, eth0 10.10.10.100/32, veth1@if2 169.254.1.1/32");
  }
}

}  // namespace
}  // namespace hlid::cluster
