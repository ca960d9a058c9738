// Founding, joining and settling, against machines that behave like the real ones.
#include "cluster/form.h"

#include <gtest/gtest.h>

#include "cluster/readiness.h"
#include "support/cluster_world.h"

namespace hlid::cluster {
namespace {

const Materials kMaterials{"docker.io/kube-vip/kube-vip:v0.8.7"};

/// As `hlid up` does it, one verb after the other.
void bring_up(test::ClusterWorld& world) {
  const auto site = world.site();
  form(site, "m-1", kMaterials);
  for (const auto& machine : world.lab.machines)
    if (machine.name != "m-1") join(site, machine.name, kMaterials);
  settle(site);
}

TEST(Form, MakesOneClusterOfAll) {
  test::ClusterWorld world(3, 2);
  bring_up(world);
  ASSERT_EQ(world.sim.clusters.size(), 1U);
  const auto observed = observe(world.site());
  EXPECT_TRUE(observed.answers);
  EXPECT_EQ(observed.voters(), 3);
  EXPECT_EQ(observed.nodes.size(), 5U);
  for (const auto& readiness : look(world.site(), observed))
    EXPECT_TRUE(readiness.ready()) << readiness.because;
}

}  // namespace
}  // namespace hlid::cluster
