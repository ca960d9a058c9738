// What a look at a machine says of its configuration.
#include <gtest/gtest.h>

#include "base/text.h"
#include "cluster/config.h"
#include "cluster/probe.h"
#include "cluster_lab.h"
#include "model/node_marks.h"

namespace hlid::cluster {
namespace {

model::ObservedClusterMachine seen(const model::Homelab& lab, const std::string& state,
                                   const std::string& on_disk, const std::string& applied) {
  std::string report = "boot 1\nunit rke2-server enabled " + state + " 812\n";
  const auto show = [&](const std::string& path, const std::string& text) {
    if (!text.empty())
      report += "@ " + path + "\n " + replace_all(std::string(trim(text)), "\n", "\n ") + "\n";
  };
  show(config_path("rke2"), on_disk);
  show(applied_path("rke2"), applied);
  auto facts = parse_probe(report, lab, lab.machines[0]);
  compare_config(lab, lab.machines[0], facts);
  return facts.seen;
}

using Keys = std::vector<std::string>;

TEST(ProbedConfig, OfAMachineThatIsAsTheFileSays) {
  const auto lab = test::cluster_lab();
  const auto settled = render_config(lab, lab.machines[0], Stage::settled);
  const auto machine = seen(lab, "active running", settled, settled);
  EXPECT_EQ(machine.pending_config, Keys{});
  EXPECT_FALSE(machine.config_stale);
  EXPECT_EQ(machine.config_hash, config_hash(lab, lab.machines[0]));
}

TEST(ProbedConfig, ThatOnlyDiffersInTheServerNeedsNoRestart) {
  const auto lab = test::cluster_lab();
  const auto first = render_config(lab, lab.machines[0], Stage::first_boot);
  const auto machine = seen(lab, "active running", first, first);
  EXPECT_EQ(machine.pending_config, Keys{});
  EXPECT_TRUE(machine.config_stale);
}

TEST(ProbedConfig, ThatIsWrittenButNotReadYetIsPending) {
  auto lab = test::cluster_lab();
  const auto before = render_config(lab, lab.machines[0], Stage::settled);
  lab.cluster->tls_san = {"k8s.example.org"};
  const auto after = render_config(lab, lab.machines[0], Stage::settled);
  const auto machine = seen(lab, "active running", after, before);
  EXPECT_EQ(machine.pending_config, Keys{"tls-san"});
  EXPECT_FALSE(machine.config_stale);
}

TEST(ProbedDisk, HasSomeRoom) {
  EXPECT_EQ(parse_free("3 1048576"), mib(3));
  EXPECT_EQ(parse_free("0 4096"), Bytes{});
  for (const char* odd : {"", "12", "a b", "1 2 3"}) EXPECT_FALSE(parse_free(odd)) << odd;
}

TEST(ProbedConfig, OfAUnitThatDoesNotRunIsReadAtItsStart) {
  const auto lab = test::cluster_lab();
  EXPECT_EQ(seen(lab, "inactive dead", "", "").pending_config, Keys{});
  EXPECT_FALSE(seen(lab, "inactive dead", "", "").config_stale) << "nothing was written yet";
}

TEST(ProbedNodes, SayWhatIsOurs) {
  const auto nodes = parse_nodes(
      R"({"items":[{"metadata":{"name":"lab-w-1","annotations":{"hlid/owned":"{\"labels\":[\"tier\"]}"}}}]})");
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(model::diff_marks({}, nodes[0]).owned, "");
  EXPECT_TRUE(model::diff_marks({}, nodes[0]).record);
  EXPECT_EQ(nodes[0].owned, R"({"labels":["tier"]})");
}

}  // namespace
}  // namespace hlid::cluster
