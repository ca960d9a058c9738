#include "drive/kubeconfig_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "drive/yaml_text.h"
#include "support/golden.h"
#include "sys/files.h"

namespace hlid::drive {
namespace {

namespace fs = std::filesystem;

cluster::AdminAccess access(const std::string& mark = "1") {
  return {base64_encode("ca" + mark), base64_encode("client" + mark),
          Secret(base64_encode("planted" + mark))};
}

/// A user's own, with everything that must survive.
const std::string kTheirs = R"(# a comment
apiVersion: v1
kind: Config
preferences: {}
current-context: work
clusters:
- cluster: {server: "https://work.example.org", insecure-skip-tls-verify: false}
  name: work
contexts:
- context:
    cluster: work
    namespace: "1234"
    user: work
  name: work
users:
- name: work
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: /usr/bin/login
      args: [--token, 'it''s', "-", "yes", yes, -5, '# no comment', "multi
        line"]
      env: null
      provideClusterInfo: true
      text: |
        block
          scalar
      "odd key: ": ~
)";

std::string merged(const std::string& existing, const std::string& name = "lab", bool switch_to = false) {
  return merge_kubeconfig(existing, "config", access(), name, "https://10.10.10.100:6443", switch_to)
      .text.reveal();
}

TEST(Kubeconfig, OfAnotherClusterKeepsEverything) {
  test::expect_golden("cluster/kubeconfig-merged.yaml", merged(kTheirs));
}

TEST(Kubeconfig, ThatIsEmptyBecomesOurs) {
  for (const char* nothing : {"", "\n", "apiVersion: v1\nclusters: null\ncontexts: []\nusers:\n"}) {
    const auto text = merged(nothing);
    EXPECT_TRUE(contains(text, "current-context: \"lab\"\n")) << text;
    EXPECT_TRUE(contains(text, "server: \"https://10.10.10.100:6443\"\n")) << text;
  }
}

TEST(Kubeconfig, MergedAgainIsTheSame) {
  const auto once = merged(kTheirs);
  EXPECT_EQ(merged(once), once);
  EXPECT_EQ(merged(merged("")), merged(""));
}

TEST(Kubeconfig, EntriesOfOurNameAreReplacedAndTold) {
  const auto first = merge_kubeconfig(kTheirs, "config", access("1"), "lab", "https://10.0.0.1:6443");
  EXPECT_EQ(first.replaced, "");
  EXPECT_EQ(first.current, "work");
  const auto second =
      merge_kubeconfig(first.text.reveal(), "config", access("2"), "lab", "https://10.0.0.2:6443", true);
  EXPECT_EQ(second.replaced, "https://10.0.0.1:6443");
  EXPECT_EQ(second.current, "lab");
  EXPECT_FALSE(contains(second.text.reveal(), base64_encode("planted1")));
  EXPECT_TRUE(contains(second.text.reveal(), base64_encode("planted2")));
  EXPECT_TRUE(contains(second.text.reveal(), "https://work.example.org"));
}

TEST(Kubeconfig, ThatIsNoneIsRefusedByName) {
  for (const char* text :
       {"[a]", "x", "kind: Pod", "clusters: {a: b}", "clusters: x", "a: [", "a: 1\na: 2"}) {
    try {
      merged(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::precondition);
      EXPECT_TRUE(contains(error.what(), "'config'")) << error.what();
      EXPECT_FALSE(error.hint().empty());
    }
  }
}

TEST(Kubeconfig, IsSavedForItsOwnerOnlyWithABackup) {
  sys::TempFolder folder;
  const auto path = folder.path() / "new" / "config";
  auto saved = save_kubeconfig(path, access(), "lab", "https://10.0.0.1:6443");
  EXPECT_TRUE(saved.changed);
  EXPECT_TRUE(saved.backup.empty());
  EXPECT_EQ(fs::status(path).permissions(), fs::perms{0600});
  EXPECT_EQ(fs::status(path.parent_path()).permissions(), fs::perms{0700});
  EXPECT_FALSE(save_kubeconfig(path, access(), "lab", "https://10.0.0.1:6443").changed);
  const auto before = sys::read_file(path);
  saved = save_kubeconfig(path, access("2"), "lab", "https://10.0.0.1:6443");
  EXPECT_EQ(sys::read_file(saved.backup), before);
  EXPECT_EQ(fs::status(saved.backup).permissions(), fs::perms{0600});
}

TEST(Kubeconfig, ThatIsALinkStaysOne) {
  sys::TempFolder folder;
  sys::write_durable(folder.path() / "real", kTheirs, 0644);
  fs::create_symlink("real", folder.path() / "config");
  const auto saved = save_kubeconfig(folder.path() / "config", access(), "lab", "https://10.0.0.1:6443");
  EXPECT_TRUE(fs::is_symlink(folder.path() / "config"));
  EXPECT_EQ(saved.path.filename(), "real");
  EXPECT_EQ(fs::status(saved.path).permissions(), fs::perms{0600});
}

TEST(Kubeconfig, IsLookedForWhereKubectlDoes) {
  EXPECT_EQ(default_kubeconfig("", "/home/odin"), "/home/odin/.kube/config");
  EXPECT_EQ(default_kubeconfig(":/a:/b", "/home/odin"), "/a");
}

bool same(const spec::Node& a, const spec::Node& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size() || a.entries.size() != b.entries.size())
    return false;
  if (a.kind == spec::Node::Kind::scalar && a.text != b.text) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!same(*a.items[i], *b.items[i])) return false;
  for (std::size_t i = 0; i < a.entries.size(); ++i)
    if (a.entries[i].key != b.entries[i].key || !same(*a.entries[i].value, *b.entries[i].value)) return false;
  return true;
}

spec::NodePtr some_node(int depth) {
  const int kind = *rc::gen::inRange(0, depth > 0 ? 6 : 4);
  spec::Node node;
  if (kind == 0) return std::make_shared<spec::Node>(node);
  if (kind < 4) {
    node.kind = spec::Node::Kind::scalar;
    node.quoted = true;
    node.text = *rc::gen::container<std::string>(
        rc::gen::element(' ', '\n', '#', ':', '-', '"', '\'', '\\', 'a', '0', '~', '{', ']', '%', '\t'));
    return std::make_shared<spec::Node>(node);
  }
  node.kind = kind == 4 ? spec::Node::Kind::list : spec::Node::Kind::map;
  const int count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    if (kind == 4) {
      node.items.push_back(some_node(depth - 1));
    } else {
      node.entries.push_back({*rc::gen::element<std::string>("a", "- b", "c: ", "<", "") + std::to_string(i),
                              {},
                              some_node(depth - 1)});
    }
  }
  return std::make_shared<spec::Node>(node);
}

RC_GTEST_PROP(Yaml, ThatIsWrittenReadsAsItWas, ()) {
  spec::Node root;
  root.kind = spec::Node::Kind::map;
  root.entries.push_back({"root", {}, some_node(4)});
  const auto text = to_yaml(root);
  Diagnostics diagnostics;
  const auto again = spec::parse_yaml(text, "x", diagnostics);
  RC_LOG() << text << diagnostics.render();
  RC_ASSERT(again != nullptr && !diagnostics.has_errors());
  RC_ASSERT(same(*again, root));
  RC_ASSERT(to_yaml(*again) == text);
}

}  // namespace
}  // namespace hlid::drive
