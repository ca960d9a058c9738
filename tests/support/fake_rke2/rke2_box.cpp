#include "support/fake_rke2/rke2_box.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace hlid::test {
namespace {

constexpr const char* kKubectl =
    "/var/lib/rancher/rke2/bin/kubectl --kubeconfig /etc/rancher/rke2/rke2.yaml ";

void must(const sys::ProcessResult& result) {
  if (!result.ok()) throw Error(Errc::failed, "{}", result.describe());
}

}  // namespace

std::string artifacts(const std::string& version) {
  return std::string(HLID_FAKE_RKE2) + "/" + version;
}

void Rke2Box::install(const std::string& version) {
  must(sh(R"(set -e
cd "$1"
sha256sum --quiet -c sha256sum-amd64.txt
mkdir -p /var/lib/rancher/rke2/agent/images
cp rke2-images.linux-amd64.tar.zst /var/lib/rancher/rke2/agent/images
tar xzf rke2.linux-amd64.tar.gz -C /usr/local
systemctl daemon-reload)",
          {artifacts(version)}));
}

void Rke2Box::configure(const std::string& yaml) {
  write("/etc/rancher/rke2/config.yaml.d/10-test.yaml", yaml);
}

void Rke2Box::start(const std::string& role) {
  must(sh("systemctl enable rke2-$1 2>/dev/null; systemctl start --no-block rke2-$1", {role}));
}

void Rke2Box::restart(const std::string& role) {
  must(run({"systemctl", "restart", "--no-block", "rke2-" + role}));
}

sys::ProcessResult Rke2Box::try_kubectl(const std::string& arguments) {
  return sh(kKubectl + arguments);
}

std::string Rke2Box::kubectl(const std::string& arguments) {
  const auto result = try_kubectl(arguments);
  EXPECT_TRUE(result.ok()) << name() << ": kubectl " << arguments << ": " << result.error_output;
  return result.output;
}

std::string Rke2Box::journal(const std::string& role) {
  return run({"journalctl", "-u", "rke2-" + role, "-o", "cat", "--no-pager"}).output;
}

std::string Rke2Box::unit_state(const std::string& role) {
  const auto text = run({"systemctl", "show", "-P", "ActiveState", "-P", "SubState", "rke2-" + role}).output;
  return join(split_list(text, "\n"), "/");
}

std::string Rke2Box::read(const std::string& path) {
  return run({"cat", path}).output;
}

void Rke2Box::write(const std::string& path, const std::string& content) {
  must(run({"sh", "-c", "mkdir -p \"${1%/*}\" && cat >\"$1\"", "sh", path}, std::chrono::seconds(20),
           content));
}

std::vector<std::string> Rke2Box::members() {
  const auto answer = run({"curl", "-sk", "--max-time", "5", "https://127.0.0.1:9345/db/info"});
  std::vector<std::string> out;
  try {
    const auto listed = parse_json(answer.output);
    for (const auto& member : listed.at("members").as_array()) {
      const auto& object = member.as_object();
      const auto name = get_string(object, "name").value_or("?");
      out.push_back(name.substr(0, name.rfind('-')) + (object.contains("isLearner") ? " learner" : " voter"));
    }
  } catch (const std::exception&) {
    return {};
  }
  std::ranges::sort(out);
  return out;
}

int run_in_boxes(int count, char** words, const std::string& selection) {
  testing::InitGoogleTest(&count, words);
  if (const auto why = boxes_impossible(); !why.empty()) {
    std::fputs((why + "\n").c_str(), stderr);
    return 77;
  }
  const char* all = std::getenv("HLID_LONG");
  if (all == nullptr && GTEST_FLAG_GET(filter) == "*") GTEST_FLAG_SET(filter, selection);
  return RUN_ALL_TESTS();
}

bool eventually(std::chrono::seconds limit, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + 3 * limit;
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  return holds();
}

}  // namespace hlid::test
