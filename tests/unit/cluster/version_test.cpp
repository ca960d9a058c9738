#include "cluster/version.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

Version of(const char* text) {
  const auto version = Version::parse(text);
  if (!version) throw Error(Errc::failed, "'{}' is no version", text);
  return *version;
}

TEST(Version, ReadsAndPrintsBothDistributions) {
  const auto rke2 = of("v1.34.1+rke2r2");
  EXPECT_EQ(rke2, (Version{1, 34, 1, "rke2", 2}));
  EXPECT_EQ(rke2.text(), "v1.34.1+rke2r2");
  EXPECT_EQ(rke2.url_text(), "v1.34.1%2Brke2r2");
  EXPECT_EQ(rke2.image_tag(), "v1.34.1-rke2r2");
  EXPECT_EQ(rke2.minor_text(), "v1.34");
  EXPECT_EQ(of("v1.35.0+k3s1").text(), "v1.35.0+k3s1");
}

TEST(Version, RefusesWhatIsNone) {
  for (const auto* text : {"", "v1.34.1", "1.34.1+rke2r1", "v1.34+rke2r1", "v1.34.1+rke2r", "v1.34.1+k8s1",
                           "v1.34.1+rke2r1x", "v1.34.-1+rke2r1", "v1.34.1-rc1+rke2r1", "v1.34.1000+k3s1"})
    EXPECT_FALSE(Version::parse(text)) << text;
}

TEST(Version, TheBuildCountsInTheOrderToo) {
  EXPECT_LT(of("v1.34.1+rke2r1"), of("v1.34.1+rke2r2"));
  EXPECT_LT(of("v1.34.9+rke2r1"), of("v1.34.10+rke2r1"));
  EXPECT_LT(of("v1.9.0+rke2r1"), of("v1.10.0+rke2r1"));
}

TEST(Version, EveryMoveHasItsName) {
  const auto from = of("v1.34.1+rke2r1");
  EXPECT_EQ(move_between(from, from), Move::none);
  EXPECT_EQ(move_between(from, of("v1.34.1+rke2r2")), Move::patch);
  EXPECT_EQ(move_between(from, of("v1.34.7+rke2r1")), Move::patch);
  EXPECT_EQ(move_between(from, of("v1.35.0+rke2r1")), Move::next_minor);
  EXPECT_EQ(move_between(from, of("v1.36.0+rke2r1")), Move::skips_minor);
  EXPECT_EQ(move_between(from, of("v2.0.0+rke2r1")), Move::skips_minor);
  EXPECT_EQ(move_between(from, of("v1.34.0+rke2r1")), Move::downgrade);
  EXPECT_EQ(move_between(from, of("v1.34.1+k3s1")), Move::other_distribution);
}

TEST(Version, ARefusedMoveSaysWhatCanBeDone) {
  EXPECT_NO_THROW(require_move(of("v1.34.1+rke2r1"), of("v1.35.0+rke2r1")));
  try {
    require_move(of("v1.33.9+rke2r1"), of("v1.35.0+rke2r1"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_EQ(error.hint(), "go to a release of v1.34 first");
  }
  EXPECT_THROW(require_move(of("v1.35.0+rke2r1"), of("v1.34.9+rke2r1")), Error);
}

TEST(Version, TheKubeletIsNeverNewerThanItsServer) {
  EXPECT_TRUE(kubelet_fits(of("v1.34.1+rke2r1"), of("v1.34.1+rke2r1")));
  EXPECT_TRUE(kubelet_fits(of("v1.32.0+rke2r1"), of("v1.35.0+rke2r1")));
  EXPECT_FALSE(kubelet_fits(of("v1.31.0+rke2r1"), of("v1.35.0+rke2r1")));
  EXPECT_FALSE(kubelet_fits(of("v1.34.2+rke2r1"), of("v1.34.1+rke2r1")));
  EXPECT_TRUE(servers_fit(of("v1.34.1+rke2r1"), of("v1.35.1+rke2r1")));
  EXPECT_FALSE(servers_fit(of("v1.33.1+rke2r1"), of("v1.35.1+rke2r1")));
}

TEST(Version, AnInterruptedUpgradeMayGoOn) {
  const auto old = of("v1.34.1+rke2r1"), wanted = of("v1.35.0+rke2r1");
  EXPECT_EQ(upgrade_refusal({wanted, old, old}, {old}, wanted), std::nullopt);
  EXPECT_EQ(upgrade_refusal({wanted, wanted, wanted}, {of("v1.32.0+rke2r1")}, wanted), std::nullopt);
  EXPECT_NE(upgrade_refusal({wanted, old, old}, {}, old), std::nullopt);
  EXPECT_NE(upgrade_refusal({of("v1.33.0+rke2r1")}, {}, wanted), std::nullopt);
  EXPECT_NE(upgrade_refusal({old}, {of("v1.31.0+rke2r1")}, wanted), std::nullopt);
  EXPECT_NE(upgrade_refusal({of("v1.34.1+k3s1")}, {}, wanted), std::nullopt);
}

Version arbitrary() {
  return {1, *rc::gen::inRange(0, 99), *rc::gen::inRange(0, 99),
          *rc::gen::element<std::string>("rke2", "k3s"), *rc::gen::inRange(1, 20)};
}

RC_GTEST_PROP(VersionProperties, PrintedVersionsReadBack, ()) {
  const auto version = arbitrary();
  RC_ASSERT(Version::parse(version.text()) == version);
}

RC_GTEST_PROP(VersionProperties, OneOfTwoWaysAtMostIsAllowed, ()) {
  const auto one = arbitrary(), other = arbitrary();
  RC_PRE(one != other);
  RC_ASSERT(!(is_allowed(move_between(one, other)) && is_allowed(move_between(other, one))));
}

TEST(Traits, AreKnownByName) {
  EXPECT_EQ(traits_of("rke2").unit(true), "rke2-server");
  EXPECT_EQ(traits_of("k3s").unit(false), "k3s-agent");
  EXPECT_EQ(traits_of("k3s").under("server/token"), "/var/lib/rancher/k3s/server/token");
  EXPECT_THROW(traits_of("kubeadm"), Error);
}

TEST(Traits, FatalLinesAreToldFromPassingOnes) {
  const auto& traits = traits_of("rke2");
  const auto* fatal = find_fatal(
      traits, R"(level=fatal msg="starting kubernetes: preparing server: token CA hash does not match the)");
  ASSERT_NE(fatal, nullptr);
  EXPECT_FALSE(fatal->retried);
  const auto* passing = find_fatal(traits, "failed to get CA certs: Get \"https://10.0.0.1:9345/cacerts\"");
  ASSERT_NE(passing, nullptr);
  EXPECT_TRUE(passing->retried);
  EXPECT_EQ(find_fatal(traits, "level=info msg=\"rke2 is up and running\""), nullptr);
}

}  // namespace
}  // namespace hlid::cluster
