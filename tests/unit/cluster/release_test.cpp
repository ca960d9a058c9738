#include "cluster/release.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace hlid::cluster {
namespace {

const std::string kOne(64, 'a'), kTwo(64, 'b');

TEST(Checksums, AreReadAsSha256sumWritesThem) {
  const auto found = parse_checksums(kOne + "  rke2.linux-amd64.tar.gz\n" + kTwo +
                                     " *dist/rke2-images.txt\r\n" + "\n# a comment of theirs\nshort  file\n");
  EXPECT_EQ(found, (std::map<std::string, std::string>{{"rke2.linux-amd64.tar.gz", kOne},
                                                       {"rke2-images.txt", kTwo}}));
  EXPECT_TRUE(parse_checksums("").empty());
  EXPECT_EQ(parse_checksums(std::string(64, 'A') + "  x").at("x"), kOne);
}

TEST(Checksums, TwoDigestsForOneFileAreRefused) {
  EXPECT_NO_THROW(parse_checksums(kOne + "  x\n" + kOne + "  x\n"));
  EXPECT_THROW(parse_checksums(kOne + "  x\n" + kTwo + "  x\n"), Error);
}

/// The names that come from the internet: the first of each part, once.
std::set<std::string> wanted(std::string_view distribution, const char* version,
                             const model::Cluster& cluster) {
  std::set<std::string> names;
  for (const auto& part : parts_of(traits_of(distribution), *Version::parse(version), cluster))
    names.insert(part.names.front());
  return names;
}

TEST(Parts, TheUsualNetworkIsInTheCombinedArchive) {
  EXPECT_EQ(wanted("rke2", "v1.34.1+rke2r1", {}),
            (std::set<std::string>{"rke2.linux-amd64.tar.gz", "rke2-images.linux-amd64.tar.zst"}));
  const auto parts = parts_of(traits_of("rke2"), *Version::parse("v1.34.1+rke2r1"), {});
  EXPECT_EQ(parts.front().kind, PartKind::program);
  EXPECT_EQ(parts[2].names,
            (std::vector<std::string>{"rke2-images.linux-amd64.tar.zst", "rke2-images.linux-amd64.tar.gz",
                                      "rke2-images-canal.linux-amd64.tar.zst",
                                      "rke2-images-canal.linux-amd64.tar.gz"}));
}

TEST(Parts, OtherNetworksHaveTheirOwn) {
  model::Cluster cluster;
  cluster.cni = "cilium";
  EXPECT_EQ(wanted("rke2", "v1.34.1+rke2r1", cluster),
            (std::set<std::string>{"rke2.linux-amd64.tar.gz", "rke2-images-core.linux-amd64.tar.zst",
                                   "rke2-images-cilium.linux-amd64.tar.zst"}));
  cluster.cni = "none";
  EXPECT_EQ(wanted("rke2", "v1.34.1+rke2r1", cluster),
            (std::set<std::string>{"rke2.linux-amd64.tar.gz", "rke2-images-core.linux-amd64.tar.zst"}));
}

TEST(Parts, TheIngressThatIsNotInTheCoreIsExtra) {
  model::Cluster cluster;
  cluster.ingress = "ingress-nginx";
  EXPECT_EQ(wanted("rke2", "v1.35.7+rke2r1", cluster).size(), 2U);
  EXPECT_EQ(wanted("rke2", "v1.36.0+rke2r1", cluster).count("rke2-images-ingress-nginx.linux-amd64.tar.zst"),
            1U);
  cluster.ingress = "traefik";
  EXPECT_EQ(wanted("rke2", "v1.36.0+rke2r1", cluster).size(), 2U);
  EXPECT_EQ(wanted("rke2", "v1.35.7+rke2r1", cluster).count("rke2-images-traefik.linux-amd64.tar.zst"), 1U);
}

TEST(Parts, K3sIsOneProgramAndOneArchive) {
  EXPECT_EQ(wanted("k3s", "v1.34.1+k3s1", {}),
            (std::set<std::string>{"k3s", "k3s-airgap-images-amd64.tar.zst"}));
  EXPECT_EQ(kube_vip_part(traits_of("k3s")), std::nullopt);
  EXPECT_EQ(kube_vip_part(traits_of("rke2"))->names.front(), "rke2-images-harvester.linux-amd64.tar.zst");
}

TEST(Images, AreReadFromBothKindsOfArchives) {
  EXPECT_EQ(image_names(R"([{"Config":"x","RepoTags":["rancher/a:1","rancher/b:2"]},{"RepoTags":null}])"),
            (std::vector<std::string>{"rancher/a:1", "rancher/b:2"}));
  EXPECT_EQ(image_names(R"({"manifests":[
      {"annotations":{"io.containerd.image.name":"ghcr.io/x/y:3","org.opencontainers.image.ref.name":"3"}},
      {"annotations":{"org.opencontainers.image.ref.name":"docker.io/z:4"}},
      {"annotations":{"org.opencontainers.image.ref.name":"4"}},{}]})"),
            (std::vector<std::string>{"ghcr.io/x/y:3", "docker.io/z:4"}));
  EXPECT_THROW(image_names("{}"), Error);
  EXPECT_THROW(image_names("not JSON"), Error);
  EXPECT_EQ(image_list("docker.io/a:1\n\n  b:2\r\n# c\n"),
            (std::vector<std::string>{"docker.io/a:1", "b:2"}));
}

TEST(Images, KubeVipIsFoundUnderItsNames) {
  EXPECT_EQ(
      find_kube_vip({"rancher/pause:3.6", "docker.io/rancher/mirrored-kube-vip-kube-vip-iptables:v1.2.3"}),
      "docker.io/rancher/mirrored-kube-vip-kube-vip-iptables:v1.2.3");
  EXPECT_EQ(find_kube_vip({"a/kube-vip-iptables:v1", "ghcr.io/kube-vip/kube-vip:v0.8.7"}),
            "ghcr.io/kube-vip/kube-vip:v0.8.7");
  EXPECT_EQ(find_kube_vip({"localhost:5000/kube-vip:v1"}), "localhost:5000/kube-vip:v1");
  EXPECT_EQ(find_kube_vip({"kube-vip/kube-vip-cloud-provider:v1", "localhost:5000/kube-vip", "kube-vipx:1"}),
            std::nullopt);
}

TEST(Images, TheRuntimeTellsTheVersion) {
  const auto& rke2 = traits_of("rke2");
  EXPECT_EQ(version_of(
                rke2, {"docker.io/rancher/pause:3.6", "index.docker.io/rancher/rke2-runtime:v1.34.1-rke2r2"}),
            Version::parse("v1.34.1+rke2r2"));
  EXPECT_EQ(version_of(rke2, {"rancher/rke2-runtime:dev", "rancher/rke2-runtime"}), std::nullopt);
  EXPECT_EQ(version_of(traits_of("k3s"), {"rancher/rke2-runtime:v1.34.1-rke2r2"}), std::nullopt);
}

TEST(ReleaseSet, TheDiscHasEveryFileAndTheirChecksums) {
  ReleaseSet release;
  release.files = {{PartKind::program, "k3s", "/a/k3s", kOne, 5},
                   {PartKind::images, "i.tar", "/b/i.tar", kTwo, 7}};
  release.checksums = "/c/sums";
  EXPECT_EQ(release.disc(), (std::map<std::string, std::filesystem::path>{
                                {"hlid-sha256.txt", "/c/sums"}, {"k3s", "/a/k3s"}, {"i.tar", "/b/i.tar"}}));
  EXPECT_EQ(release.size(), 12);
}

}  // namespace
}  // namespace hlid::cluster
