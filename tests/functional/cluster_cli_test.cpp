// `hlid cluster …` and its like as a user and a script see them, without a machine.
#include <gtest/gtest.h>

#include "base/text.h"
#include "support/lab.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

constexpr const char* kLab = R"(apiVersion: hlid/v1
name: demo
proxmox: {node: asgard, storage: local-zfs, iso_storage: local, bridge: vmbr0}
network: {cidr: 10.10.10.0/24, gateway: 10.10.10.1, dns: [10.10.10.1]}
template: {name: base-1, vmid: 9000, os: debian-12}
access: {user: odin, authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfkNV4OS33ImTXvorZr72q4v5XhVEQKfvqsxOEJ/XaR odin"]}
machines:
  - {group: master, role: ROLE, count: 3, vmid: 101, address: 10.10.10.11, cores: 2, memory: 2GiB, disk: 10GiB}
)";

class ClusterCli : public ::testing::Test {
 protected:
  ClusterCli() : lab_("cluster-cli") {}
  std::string file(bool with_cluster) {
    auto text = replace_all(kLab, "ROLE", with_cluster ? "server" : "plain");
    if (with_cluster) text += "cluster: {distribution: rke2, version: v1.34.1+rke2r1, vip: 10.10.10.100}\n";
    return lab_.write("homelab.yaml", text).string();
  }
  /// The command with its file.
  sys::ProcessResult hlid(std::vector<std::string> words, const std::string& file) {
    words.insert(words.end(), {"-f", file});
    return lab_.hlid(std::move(words));
  }
  Lab lab_;
};

const std::vector<std::vector<std::string>> kCommands{
    {"cluster", "status"},
    {"cluster", "kubeconfig"},
    {"cluster", "upgrade"},
    {"cluster", "snapshot"},
    {"cluster", "restore", "latest"},
    {"cluster", "token", "rotate"},
    {"cluster", "certificates"},
    {"cluster", "certificates", "rotate"},
    {"cluster", "encryption"},
    {"cluster", "encryption", "rotate"},
    {"drill", "master"},
};
/// Is for machines of every kind.
const std::vector<std::string> kReplace{"replace", "master-1"};

const std::vector<std::vector<std::string>> kPages{{"cluster", "status"},
                                                   {"cluster", "kubeconfig"},
                                                   {"cluster", "upgrade"},
                                                   {"cluster", "snapshot"},
                                                   {"cluster", "restore"},
                                                   {"cluster", "token"},
                                                   {"cluster", "certificates"},
                                                   {"cluster", "encryption"},
                                                   {"drill"},
                                                   {"replace"}};

TEST_F(ClusterCli, EveryCommandHasHelpWithExamples) {
  for (auto words : kPages) {
    words.emplace_back("--help");
    const auto result = lab_.hlid(words);
    EXPECT_EQ(result.status, 0) << join(words, " ");
    EXPECT_NE(result.output.find("Examples:"), std::string::npos) << join(words, " ");
    EXPECT_NE(result.output.find("Exit status:"), std::string::npos) << join(words, " ");
  }
}

TEST_F(ClusterCli, AFileWithoutAClusterIsFourAndSaysWhatToAdd) {
  const auto path = file(false);
  for (const auto& words : kCommands) {
    const auto result = hlid(words, path);
    EXPECT_EQ(result.status, 4) << join(words, " ") << ": " << result.error_output;
    EXPECT_NE(result.error_output.find("no 'cluster:' in the file"), std::string::npos)
        << result.error_output;
    EXPECT_NE(result.error_output.find("fix: add 'cluster:"), std::string::npos) << result.error_output;
    EXPECT_EQ(result.output, "");
  }
}

TEST_F(ClusterCli, BeforeTheFirstUpNothingIsStarted) {
  const auto path = file(true);
  for (const auto& words : kCommands) {
    const auto result = hlid(words, path);
    EXPECT_EQ(result.status, 4) << join(words, " ") << ": " << result.error_output;
    EXPECT_NE(result.error_output.find("nothing of 'demo' was made yet"), std::string::npos)
        << result.error_output;
  }
  EXPECT_FALSE(std::filesystem::exists(lab_.home() / "nodes"));
}

TEST_F(ClusterCli, TheKubeconfigsOptionsAreChecked) {
  const auto path = file(true);
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
           {"--server", "http://10.0.0.1"}, {"--server", "https://a\"b"}, {"--context", "a b"}}) {
    auto words = options;
    words.insert(words.begin(), {"cluster", "kubeconfig"});
    EXPECT_EQ(hlid(words, path).status, 2) << join(words, " ");
  }
}

TEST_F(ClusterCli, OnlyWhatTheFileNamesIsReplacedAndOnlyOnceItIsThere) {
  const auto path = file(true);
  const auto early = hlid(kReplace, path);
  EXPECT_EQ(early.status, 4) << early.error_output;
  EXPECT_NE(early.error_output.find("hlid up"), std::string::npos) << early.error_output;
  const auto wrong = hlid({"replace", "mastre-1"}, path);
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.error_output.find("master-1"), std::string::npos) << wrong.error_output;
  EXPECT_FALSE(std::filesystem::exists(lab_.home() / "nodes"));
}

/// A node without machines: what the commands say of a cluster that does not run.
TEST_F(ClusterCli, OfAClusterThatIsNotThereEachCommandSaysWhyAndWhatToDo) {
  const auto path = file(true);
  ASSERT_EQ(lab_.hlid({"node", "start"}).status, 0);
  EXPECT_EQ(hlid({"cluster", "status"}, path).status, 0);
  const auto checked = hlid({"cluster", "status", "--check", "--json"}, path);
  EXPECT_EQ(checked.status, 1) << checked.error_output;
  const auto seen = json_lines(checked.output);
  ASSERT_EQ(seen.size(), 1U) << checked.output;
  EXPECT_EQ(seen.front().at("members").as_array().size(), 3U);
  EXPECT_EQ(seen.front().at("members").at(0).at("broken").as_string(), "running");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"cluster", "kubeconfig"},
                                             {"cluster", "upgrade", "--dry-run"},
                                             {"cluster", "snapshot"},
                                             {"cluster", "restore", "latest"},
                                             {"cluster", "restore", "--own-data", "--yes"},
                                             {"cluster", "token", "rotate", "--yes"},
                                             {"cluster", "certificates"},
                                             {"cluster", "certificates", "rotate", "--yes"},
                                             {"cluster", "encryption"},
                                             {"drill", "master", "--yes"}}) {
    const auto result = hlid(words, path);
    EXPECT_EQ(result.status, 4) << join(words, " ") << ": " << result.error_output;
    EXPECT_NE(result.error_output.find("  fix: "), std::string::npos) << result.error_output;
  }
}

TEST_F(ClusterCli, WithoutATerminalNothingIsDisruptedUnasked) {
  const auto path = file(true);
  ASSERT_EQ(lab_.hlid({"node", "start"}).status, 0);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"cluster", "token", "rotate"},
                                             {"cluster", "certificates", "rotate"},
                                             {"cluster", "encryption", "rotate"},
                                             {"replace", "master-1"}}) {
    const auto result = hlid(words, path);
    EXPECT_EQ(result.status, 4) << join(words, " ") << ": " << result.error_output;
    EXPECT_NE(result.error_output.find("--yes"), std::string::npos) << result.error_output;
  }
}

TEST_F(ClusterCli, WrongWordsAreTwoBeforeAnythingElse) {
  const auto path = file(true);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"cluster"},
                                             {"cluster", "token"},
                                             {"cluster", "token", "rotate", "--to", "hunter2"},
                                             {"cluster", "snapshot", "--label", "A b"},
                                             {"cluster", "snapshot", "prune"},
                                             {"drill"},
                                             {"drill", "network"}})
    EXPECT_EQ(hlid(words, path).status, 2) << join(words, " ");
}

TEST_F(ClusterCli, BundlesAreListedAndVerifiedWithoutAnyMachine) {
  const auto path = file(true);
  const auto folder = lab_.home() / "labs/demo/snapshots";
  EXPECT_EQ(hlid({"cluster", "snapshot", "list", "--json"}, path).output, "{\"snapshots\":[]}\n");
  sys::make_folder(folder);
  sys::write_durable(folder / "demo-20260101-000000.hlid-snapshot", "no bundle", 0600);
  EXPECT_EQ(hlid({"cluster", "snapshot", "list"}, path).status, 0);
  const auto result =
      lab_.hlid({"cluster", "snapshot", "verify", (folder / "demo-20260101-000000.hlid-snapshot").string()});
  EXPECT_EQ(result.status, 1) << result.error_output;
  EXPECT_NE(result.error_output.find("demo-20260101"), std::string::npos) << result.error_output;
}

}  // namespace
}  // namespace hlid::test
