// `hlid` as a user and a script see it: exit codes, what goes to which stream, what is on offer. No machine
// runs.
#include <gtest/gtest.h>

#include <map>

#include "base/text.h"
#include "support/lab.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

constexpr const char* kGood = R"(apiVersion: hlid/v1
name: demo
proxmox: {node: asgard, storage: local-zfs, iso_storage: local, bridge: vmbr0}
network: {cidr: 10.10.10.0/24, gateway: 10.10.10.1, dns: [10.10.10.1]}
template: {name: base-1, vmid: 9000, os: debian-12}
access: {user: odin, authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfkNV4OS33ImTXvorZr72q4v5XhVEQKfvqsxOEJ/XaR odin"]}
machines:
  - {group: web, count: 2, vmid: 101, address: 10.10.10.11, cores: 1, memory: 1GiB, disk: 10GiB}
)";

class Cli : public ::testing::Test {
 protected:
  Cli() : lab_("cli") {}
  sys::ProcessResult hlid(std::vector<std::string> words) { return lab_.hlid(std::move(words)); }
  std::string file(const std::string& text) { return lab_.write("homelab.yaml", text).string(); }
  static std::string with(const std::string& from, const std::string& to) {
    std::string text = kGood;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  Lab lab_;
};

TEST_F(Cli, HelpIsThereForEveryCommandAndGoesToStandardOutput) {
  for (const char* command : {"up", "plan", "status", "ssh", "console", "logs", "destroy", "doctor",
                              "template", "node", "schema", "completion", "explain"}) {
    const auto result = hlid({command, "--help"});
    EXPECT_EQ(result.status, 0) << command << ": " << result.describe();
    EXPECT_NE(result.output.find(command), std::string::npos) << command;
  }
  const auto all = hlid({"--help"});
  EXPECT_EQ(all.status, 0);
  EXPECT_NE(all.output.find("destroy"), std::string::npos);
}

TEST_F(Cli, UsageErrorsAreTwoAndGoToStandardError) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"upp"},
                                             {"up", "--nonsense"},
                                             {"plan", "-f"},
                                             {"completion", "tcsh"},
                                             {"up", "--only", "everything"}}) {
    const auto result = hlid(words);
    EXPECT_EQ(result.status, 2) << join(words, " ") << ": " << result.output << result.error_output;
    EXPECT_NE(result.error_output, "") << join(words, " ");
    EXPECT_EQ(result.output, "") << join(words, " ");
  }
}

TEST_F(Cli, AMisspeltCommandIsAnsweredWithTheNearestOne) {
  EXPECT_NE(hlid({"destory"}).error_output.find("destroy"), std::string::npos);
}

TEST_F(Cli, AFileThatIsNotThereIsTwoAndNamed) {
  const auto result = hlid({"plan", "-f", "/nonexistent/homelab.yaml"});
  EXPECT_EQ(result.status, 2) << result.error_output;
  EXPECT_NE(result.error_output.find("/nonexistent/homelab.yaml"), std::string::npos) << result.error_output;
}

TEST_F(Cli, AWrongFileIsTwoWithEveryFaultAtItsPlace) {
  const auto path = file(with("vmid: 101, address: 10.10.10.11", "vmid: 7, addres: 10.10.10.11"));
  for (const char* command : {"plan", "up", "status", "destroy"}) {
    const auto result = hlid({command, "-f", path});
    EXPECT_EQ(result.status, 2) << command << ": " << result.error_output;
    EXPECT_NE(result.error_output.find("homelab.yaml:8:"), std::string::npos) << result.error_output;
    EXPECT_NE(result.error_output.find("addres"), std::string::npos) << result.error_output;
    EXPECT_NE(result.error_output.find("vmid"), std::string::npos) << result.error_output;
  }
  EXPECT_FALSE(std::filesystem::exists(lab_.home() / "nodes")) << "a wrong file started something";
}

TEST_F(Cli, APlanBeforeTheFirstUpStartsNothing) {
  const std::string example = std::string(HLID_SOURCE_DIR) + "/examples/valaskjalf.yaml";
  const auto result = hlid({"plan", "-f", example, "--json", "--check"});
  EXPECT_EQ(result.status, 5) << result.describe();
  std::map<std::string, int> kinds;
  const auto plan = parse_json(result.output, "plan");
  for (const auto& step : plan.as_object().at("steps").as_array())
    ++kinds[get_string(step.as_object(), "kind").value_or("?")];
  EXPECT_EQ(kinds["clone"], 6);
  EXPECT_EQ(kinds["start"], 6);
  EXPECT_EQ(kinds["create-template"], 1);
  EXPECT_EQ(hlid({"plan", "-f", example}).status, 0);
  EXPECT_FALSE(std::filesystem::exists(lab_.home() / "nodes"));
  EXPECT_EQ(lab_.processes(), std::vector<pid_t>{});
}

TEST_F(Cli, ThePlanOfAFileOfOneMachineIsStableText) {
  const auto path = file(kGood);
  const auto first = hlid({"plan", "-f", path});
  EXPECT_EQ(first.status, 0) << first.describe();
  EXPECT_EQ(hlid({"plan", "-f", path}).output, first.output);
  EXPECT_EQ(first.output.find('\x1b'), std::string::npos) << "colours without a terminal";
}

TEST_F(Cli, ARefusedConnectionIsNotAWrongFile) {
  const auto path =
      file(with("{node: asgard,", "{node: asgard, endpoint: \"https://127.0.0.1:9\", token: \"env:T\","));
  lab_.set_env("T", "root@pam!x=00000000-0000-0000-0000-000000000000");
  const auto result = hlid({"plan", "-f", path});
  EXPECT_EQ(result.status, 1) << result.error_output;
  EXPECT_NE(result.error_output.find("127.0.0.1:9"), std::string::npos) << result.error_output;
}

TEST_F(Cli, TheSchemaIsJson) {
  const auto result = hlid({"schema"});
  ASSERT_EQ(result.status, 0);
  const auto schema = parse_json(result.output, "schema").as_object();
  EXPECT_TRUE(schema.contains("properties"));
  EXPECT_TRUE(schema.at("properties").as_object().contains("machines"));
}

TEST_F(Cli, CompletionsAreForEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto result = hlid({"completion", shell});
    EXPECT_EQ(result.status, 0) << shell;
    for (const char* command : {"destroy", "template", "doctor"})
      EXPECT_NE(result.output.find(command), std::string::npos) << shell << " " << command;
  }
}

TEST_F(Cli, TheBashCompletionIsValidBash) {
  const auto script = lab_.write("completion.bash", hlid({"completion", "bash"}).output);
  sys::PosixProcessRunner runner;
  const auto result = runner.run({.argv = {"bash", "-n", script.string()}});
  EXPECT_TRUE(result.ok()) << result.describe();
}

TEST_F(Cli, ExplainKnowsItsCodesAndSaysWhichItHas) {
  const auto listed = hlid({"explain"});
  EXPECT_EQ(listed.status, 0) << listed.describe();
  EXPECT_NE(listed.output.find("memory-overcommit"), std::string::npos) << listed.output;
  EXPECT_EQ(hlid({"explain", "memory-overcommit"}).status, 0);
  EXPECT_EQ(hlid({"explain", "no-such-code"}).status, 2);
}

TEST_F(Cli, WithoutATerminalNothingIsDestroyedUnasked) {
  const auto result = hlid({"destroy", "-f", file(kGood)});
  EXPECT_TRUE(result.status == 4 || result.status == 0) << result.describe();
}

TEST_F(Cli, DoctorsJsonIsJson) {
  const auto result = hlid({"doctor", "--json"});
  EXPECT_TRUE(result.status == 0 || result.status == 4) << result.describe();
  EXPECT_NO_THROW(parse_json(result.output, "doctor")) << result.output;
}

TEST_F(Cli, VersionIsOneLine) {
  const auto result = hlid({"--version"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
}

}  // namespace
}  // namespace hlid::test
