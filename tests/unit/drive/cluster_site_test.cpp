#include <gtest/gtest.h>

#include "drive/cluster_site.h"
#include "unit/drive/lab.h"

namespace hlid::drive {
namespace {

TEST(ClusterSite, WithoutAClusterInTheFileThereIsNone) {
  Bench bench;
  DiscShelf shelf(bench.lab, bench.folder.path());
  ClusterSite made(bench.lab, bench.session, shelf, false);
  try {
    made.site();
    FAIL() << "a site without a cluster";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_NE(error.hint().find("cluster:"), std::string::npos) << error.hint();
  }
}

TEST(ClusterSite, AStopOfTheSessionIsAStopOfTheVerbsAndEmulationIsGivenTime) {
  Bench bench;
  bench.lab.cluster.emplace();
  DiscShelf shelf(bench.lab, bench.folder.path());
  std::stop_source stop;
  ClusterSite made(bench.lab, bench.session.with(stop.get_token()), shelf, true);
  const auto site = made.site();
  EXPECT_GT(site.patience, 1.0);
  EXPECT_FALSE(site.fleet.runs("lab-web-1")) << "nothing exists yet";
  EXPECT_FALSE(site.stop.stop_requested());
  stop.request_stop();
  EXPECT_TRUE(site.stop.stop_requested());
}

}  // namespace
}  // namespace hlid::drive
