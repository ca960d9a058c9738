// Labels and taints: only ours are touched, and what is done needs no doing again.
#include "model/node_marks.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

namespace hlid::model {
namespace {

Machine wanted(std::map<std::string, std::string> labels, std::vector<std::string> taints = {}) {
  Machine machine;
  machine.labels = std::move(labels);
  machine.taints = std::move(taints);
  return machine;
}

/// What kubectl does with a change.
ObservedNodeObject apply(ObservedNodeObject node, const MarkChange& change) {
  for (const auto& [key, value] : change.set_labels) node.labels[key] = value;
  for (const auto& key : change.remove_labels) node.labels.erase(key);
  const auto drop = [&](const std::string& identity) {
    node.taints.erase(
        std::remove_if(node.taints.begin(), node.taints.end(),
                       [&](const Taint& taint) { return split_taint(taint).identity() == identity; }),
        node.taints.end());
  };
  for (const auto& taint : change.set_taints) {
    drop(split_taint(taint).identity());
    node.taints.push_back(taint);
  }
  for (const auto& identity : change.remove_taints) drop(identity);
  if (change.record) node.owned = change.owned;
  return node;
}

TEST(Marks, ThoseOfOthersAreLeftAlone) {
  ObservedNodeObject node;
  node.labels = {{"node-role.kubernetes.io/etcd", "true"}, {"operator", "mine"}};
  node.taints = {"node.kubernetes.io/unreachable:NoExecute", "maintenance=yes:NoSchedule"};
  EXPECT_TRUE(diff_marks(wanted({}), node).empty());
}

TEST(Marks, ThatTheFileNoLongerNamesAreRemovedWhenTheyWereOurs) {
  ObservedNodeObject node =
      apply({}, diff_marks(wanted({{"tier", "db"}, {"x", ""}}, {"a=b:NoSchedule"}), {}));
  node.labels["operator"] = "mine";
  const auto change = diff_marks(wanted({{"tier", "db"}}), node);
  EXPECT_EQ(change.remove_labels, std::vector<std::string>{"x"});
  EXPECT_EQ(change.remove_taints, std::vector<std::string>{"a:NoSchedule"});
  EXPECT_TRUE(change.set_labels.empty() && change.set_taints.empty());
  EXPECT_EQ(change.reasons, (std::vector<std::string>{"label x removed", "taint a:NoSchedule removed"}));
  EXPECT_EQ(change.owned, R"({"labels":["tier"],"taints":[]})");
}

TEST(Marks, WithAnotherValueSayWhatTheyWere) {
  ObservedNodeObject node;
  node.labels = {{"tier", "web"}};
  node.taints = {"a=old:NoSchedule"};
  const auto change = diff_marks(wanted({{"tier", "db"}}, {"a=new:NoSchedule"}), node);
  EXPECT_EQ(change.reasons,
            (std::vector<std::string>{"label tier=db (was 'web')", "taint a=new:NoSchedule (was 'old')"}));
}

TEST(Marks, ThatAreThereAlreadyAreOnlyRecorded) {
  ObservedNodeObject node;
  node.labels = {{"tier", "db"}};
  const auto change = diff_marks(wanted({{"tier", "db"}}), node);
  EXPECT_TRUE(change.record);
  EXPECT_TRUE(change.reasons.empty());
  EXPECT_FALSE(change.empty());
}

TEST(Marks, AnAnnotationThatIsNoneOfOursIsWrittenAnew) {
  for (const char* text : {"{", "[]", "7", R"({"labels": 7})", R"({"labels": [7]})"}) {
    ObservedNodeObject node;
    node.owned = text;
    node.labels = {{"operator", "mine"}};
    const auto change = diff_marks(wanted({{"tier", "db"}}), node);
    EXPECT_TRUE(change.remove_labels.empty()) << text;
    EXPECT_TRUE(change.record) << text;
  }
}

TEST(Taint, Parts) {
  EXPECT_EQ(split_taint("a=b:NoSchedule").value, "b");
  EXPECT_EQ(split_taint("a:NoSchedule").identity(), split_taint("a=:NoSchedule").identity());
  EXPECT_EQ(split_taint("example.org/a=b:NoExecute").key, "example.org/a");
  EXPECT_EQ(split_taint("nonsense").effect, "");
}

TEST(Labels, ThatAKubeletMayNotSetItself) {
  EXPECT_TRUE(kubelet_may_set("tier"));
  EXPECT_TRUE(kubelet_may_set("example.org/tier"));
  EXPECT_TRUE(kubelet_may_set("notkubernetes.io/tier"));
  EXPECT_TRUE(kubelet_may_set("topology.kubernetes.io/zone"));
  EXPECT_TRUE(kubelet_may_set("x.node.kubernetes.io/y"));
  EXPECT_FALSE(kubelet_may_set("node-role.kubernetes.io/worker"));
  EXPECT_FALSE(kubelet_may_set("kubernetes.io/x"));
  EXPECT_FALSE(kubelet_may_set("x.k8s.io/y"));
}

rc::Gen<std::map<std::string, std::string>> some_labels() {
  const auto values = rc::gen::container<std::vector<int>>(4, rc::gen::inRange(0, 4));  // 0: not there
  return rc::gen::map(values, [](const std::vector<int>& picked) {
    std::map<std::string, std::string> labels;
    for (std::size_t i = 0; i < picked.size(); ++i)
      if (picked[i] != 0)
        labels[std::string(1, static_cast<char>('a' + i))] =
            std::string(static_cast<std::size_t>(picked[i] - 1), '1');
    return labels;
  });
}

rc::Gen<std::vector<std::string>> some_taints() {
  return rc::gen::map(some_labels(), [](const std::map<std::string, std::string>& labels) {
    std::vector<std::string> taints;
    for (const auto& [key, value] : labels)
      taints.push_back(key + (value.empty() ? "" : "=" + value) + ":NoSchedule");
    return taints;
  });
}

RC_GTEST_PROP(Marks, OneRoundIsEnoughAndOthersStay, ()) {
  ObservedNodeObject node;
  node.labels = *some_labels();
  node.taints = *some_taints();
  const auto others = node.labels;
  std::set<std::string> ever;
  for (int round = 0; round < 3; ++round) {
    const auto machine = wanted(*some_labels(), *some_taints());
    for (const auto& [key, value] : machine.labels) ever.insert(key);
    node = apply(node, diff_marks(machine, node));
    RC_ASSERT(diff_marks(machine, node).empty());
    for (const auto& [key, value] : machine.labels) RC_ASSERT(node.labels.at(key) == value);
    for (const auto& [key, value] : others)
      if (ever.count(key) == 0) RC_ASSERT(node.labels.at(key) == value);
    for (const auto& [key, value] : node.labels)
      RC_ASSERT(machine.labels.count(key) + others.count(key) > 0U);
  }
}

}  // namespace
}  // namespace hlid::model
