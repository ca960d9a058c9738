// A machine whose clock is wrong is told before it restarts for ever.
#include <gtest/gtest.h>

#include "base/text.h"
#include "cluster/form.h"
#include "support/cluster_world.h"

namespace hlid::cluster {
namespace {

const Materials kMaterials{"docker.io/kube-vip/kube-vip:v0.8.7"};

class ClocksTest : public testing::Test {
 protected:
  ClocksTest() { form(world.site(), "m-1", kMaterials); }
  test::SimMachine& machine(const std::string& name) { return world.sim.machine(name); }
  test::ClusterWorld world{3, 1};
};

TEST_F(ClocksTest, FarApartAreRefusedByName) {
  machine("m-2").clock_skew = -120;
  try {
    join(world.site(), "m-2", kMaterials);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.what(), "clocks-apart: ")) << error.what();
    EXPECT_TRUE(contains(error.what(), "'m-2' is behind 'm-1'")) << error.what();
    EXPECT_FALSE(error.hint().empty());
  }
  machine("m-2").clock_skew = 0;
  join(world.site(), "m-2", kMaterials);
}

TEST_F(ClocksTest, ThatAreWrongTogetherDoNoHarm) {
  machine("m-1").clock_skew = machine("w-1").clock_skew = 86400;
  join(world.site(), "w-1", kMaterials);
}

void expect_not_founded(test::ClusterWorld& world, const std::string& who) {
  try {
    form(world.site(), "m-1", kMaterials);
    FAIL() << "founded with a wrong clock";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.what(), who)) << error.what();
  }
  EXPECT_TRUE(world.sim.clusters.empty());
}

TEST(FoundersClock, IsLookedAtBeforeItMakesCertificatesOfTheFuture) {
  test::ClusterWorld world{3, 1};
  world.sim.machine("m-1").clock_skew = 3600;
  expect_not_founded(world, "clocks-apart: clocks are 3600.0 s apart: 'm-2' is behind 'm-1'");
  world.sim.machine("m-1").clock_skew = 0;
  form(world.site(), "m-1", kMaterials);
}

TEST(FoundersClock, OfAnOnlyServerIsComparedWithTheAgents) {
  test::ClusterWorld world{1, 1};
  world.sim.machine("m-1").clock_skew = 3600;
  expect_not_founded(world, "'w-1' is behind 'm-1'");
}

}  // namespace
}  // namespace hlid::cluster
