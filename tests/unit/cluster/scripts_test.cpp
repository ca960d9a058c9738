// The scripts of looking and waiting, run by this host's sh against programs that answer as the machine's do.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/text.h"
#include "cluster/erase.h"
#include "cluster/neighbours.h"
#include "cluster/poll.h"
#include "cluster/probe.h"
#include "cluster/shell.h"
#include "net/certificate.h"
#include "net/http_server.h"
#include "support/fake_clock.h"
#include "sys/hash.h"
#include "unit/cluster/cluster_lab.h"
#include "unit/cluster/shell_guest.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

const net::KeyPair& authority() {
  static const auto pair = net::make_authority("the cluster's CA");
  return pair;
}

/// A supervisor, as far as it is asked.
class Supervisor : public net::HttpHandler {
 public:
  net::BodyVerdict on_head(const net::ServerRequest&) override { return {}; }
  void handle(net::ServerRequest request, net::Respond respond) override {
    net::ServerResponse response;
    response.close = true;
    const auto login = net::find_header(request.headers, "Authorization").value_or("");
    if (request.target == "/v1-rke2/readyz") {
      response.body = "ok";
      if (login != "Basic " + base64_encode("server:pass\"word\\"))
        response.status = 401, response.reason = "Unauthorized";
    } else if (request.target == "/db/info") {
      response.body =
          R"({"members":[{"ID":17293822569102704641,"name":"m-1-0a1b2c3d","peerURLs":["https://10.10.10.101:2380"]},)"
          R"({"ID":7,"peerURLs":["https://10.10.10.102:2380"],"isLearner":true}]})";
    } else if (request.target == "/cacerts") {
      response.body = authority().certificate_pem;
    } else if (!request.tls) {
      response.body = "etcd_server_has_leader 1\netcd_server_is_leader 1\nother 5\n";
    } else {
      response.status = 404;
    }
    respond(response);
  }
};

/// With stubs found before the host's programs.
class StubGuest : public test::ShellGuest {
 public:
  StubGuest(Map map, std::string path, std::string root)
      : ShellGuest("lab-m-1", std::move(map)), path_(std::move(path)), root_(std::move(root)) {}
  Ran run(std::string_view script, const std::vector<std::string>& arguments,
          std::chrono::milliseconds timeout) override {
    auto ran = ShellGuest::run("PATH=" + path_ + "; export PATH\n" + std::string(script), arguments, timeout);
    ran.output = replace_all(ran.output, root_, "");  // paths as they are in the machine
    return ran;
  }

 private:
  std::string path_, root_;
};

class ScriptsTest : public ::testing::Test, public Fleet {
 protected:
  ScriptsTest() {
    net::ServerOptions options;
    const auto pair = net::make_certificate(authority(), "localhost", {"127.0.0.1"});
    options.port = 0;
    options.certificate_pem = pair.certificate_pem;
    options.key_pem = pair.key_pem;
    server_.emplace(options, supervisor_);
    put(data("server/tls/server-ca.crt"), authority().certificate_pem);
    put(data("server/token"), "K10" + std::string(64, 'a') + "::server:pass\"word\\\n");
    for (auto& machine : lab_.machines) machine.address = *parse_cidr("127.0.0.1/8");
  }

  std::unique_ptr<Guest> guest(const std::string&) override {
    return std::make_unique<StubGuest>(
        [this](const std::string& argument) { return mapped(argument); },
        (folder_.path() / "bin").string() + (without_curl_ ? "" : ":/usr/bin:/bin"),
        (folder_.path() / "root").string());
  }
  bool runs(const std::string&) override { return true; }
  Site site() {
    return {lab_, *this, clock_, random_, [](const std::string&) {}, {}, 1.0, 1};
  }

  std::string mapped(const std::string& argument) {
    if (argument == "9345") return std::to_string(server_->port());
    if (argument.starts_with("https://127.0.0.1:9345"))
      return replace_all(argument, ":9345", fmt::format(":{}", server_->port()));
    return argument.starts_with("/") ? (folder_.path() / "root").string() + argument : argument;
  }
  std::string data(const std::string& path) { return "/var/lib/rancher/rke2/" + path; }
  void put(const std::string& path, const std::string& text, int mode = 0600) {
    const fs::path place = mapped(path);
    fs::create_directories(place.parent_path());
    sys::write_durable(place, text, static_cast<unsigned>(mode));
  }
  void stub(const std::string& name, const std::string& body) {
    fs::create_directories(folder_.path() / "bin");
    sys::write_durable(folder_.path() / "bin" / name, "#!/bin/sh\n" + body, 0755);
  }
  void kubectl(const std::string& body) { put(data("bin/kubectl"), "#!/bin/sh\n" + body, 0755); }
  /// Only what a machine surely has: curl(1) is not among it.
  void lose_curl() {
    without_curl_ = true;
    fs::create_directories(folder_.path() / "bin");
    for (const auto* name : {"sh", "sed", "awk", "base64", "cat", "cut", "date", "grep", "head", "python3",
                             "readlink", "sha256sum", "stat", "tail", "timeout", "tr"})
      if (fs::exists(fs::path("/usr/bin") / name))
        fs::create_symlink(fs::path("/usr/bin") / name, folder_.path() / "bin" / name);
  }

  sys::TempFolder folder_;
  model::Homelab lab_ = test::cluster_lab();
  test::FakeClock clock_;
  sys::SystemRandom random_;
  Supervisor supervisor_;
  std::optional<net::HttpServer> server_;
  bool without_curl_ = false;
};

constexpr const char* kUnitActive =
    "echo Id=rke2-server.service\necho UnitFileState=enabled\necho ActiveState=active\necho "
    "SubState=running\n"
    "echo MainPID=$PPID\necho InvocationID=abc\necho\n"
    "case \"$*\" in *rke2-agent*) ;; *) exit ;; esac\n"
    "echo Id=rke2-agent.service\necho UnitFileState=disabled\necho ActiveState=inactive\necho "
    "SubState=dead\necho MainPID=0\n";

TEST_F(ScriptsTest, AFreshMachineSaysThatNothingIsThere) {
  stub("systemctl", "exit 1\n");
  const auto facts = probe_machine(site(), lab_.machines[0].name);
  ASSERT_TRUE(facts.seen.reachable) << facts.why_unreachable;
  EXPECT_TRUE(facts.seen.addressed);
  EXPECT_EQ(facts.seen.unit, model::Role::plain);
  EXPECT_EQ(facts.seen.installed, "");
  EXPECT_FALSE(facts.seen.has_datastore);
  EXPECT_FALSE(facts.members.has_value());
  EXPECT_FALSE(facts.has_password);
}

/// With curl(1) and without.
class WebTest : public ScriptsTest, public ::testing::WithParamInterface<bool> {
 protected:
  WebTest() {
    if (!GetParam()) lose_curl();
  }
  bool possible() const { return fs::exists(GetParam() ? "/usr/bin/curl" : "/usr/bin/python3"); }
};

TEST_P(WebTest, AServerIsSeenWhole) {
  if (!possible()) GTEST_SKIP() << "this host lacks the program";
  stub("systemctl", kUnitActive);
  put("/usr/local/bin/rke2", "#!/bin/sh\necho 'rke2 version v1.34.1+rke2r1 (abc)'\necho go version\n", 0755);
  fs::create_directories(mapped(data("server/db/etcd/member/wal")));
  put(data("server/db/etcd/name"), "m-1-0a1b2c3d");
  put("/etc/rancher/node/password", "x");
  put("/etc/rancher/rke2/config.yaml", "server: https://operator:9345\n");
  put("/etc/rancher/rke2/config.yaml.d/10-hlid.yaml",
      "cni: \"canal\"\nserver: \"https://10.10.10.100:9345\"\n");
  put(data("server/tls/client-admin.crt"), authority().certificate_pem + authority().certificate_pem);
  const auto facts = probe_machine(site(), lab_.machines[0].name);
  const auto& seen = facts.seen;
  ASSERT_TRUE(seen.reachable) << facts.why_unreachable;
  EXPECT_EQ(seen.unit, model::Role::server);
  EXPECT_TRUE(seen.active);
  EXPECT_TRUE(facts.enabled);
  EXPECT_EQ(seen.unit_state, "active/running");
  EXPECT_EQ(seen.installed, "v1.34.1+rke2r1");
  EXPECT_TRUE(seen.has_datastore);
  EXPECT_EQ(facts.etcd_name, "m-1-0a1b2c3d");
  EXPECT_EQ(seen.ca_hash, sys::sha256_hex(authority().certificate_pem));
  EXPECT_EQ(seen.server_url, "https://10.10.10.100:9345");
  EXPECT_GT(seen.certificate_days.value_or(0), 3600);
  EXPECT_TRUE(seen.supervisor);
  ASSERT_TRUE(facts.members.has_value());
  ASSERT_EQ(facts.members->size(), 2U);
  EXPECT_EQ(facts.members->at(0).id, "f000000000000001");
  EXPECT_EQ(facts.members->at(0).node, "m-1");
  EXPECT_EQ(facts.members->at(1).voting, model::Voting::learner);
  EXPECT_EQ(facts.members->at(1).node, "");
}

TEST_P(WebTest, AForeignAuthorityIsNotBelieved) {
  if (!possible()) GTEST_SKIP() << "this host lacks the program";
  stub("systemctl", kUnitActive);
  put(data("server/tls/server-ca.crt"), net::make_authority("another").certificate_pem);
  const auto facts = probe_machine(site(), lab_.machines[0].name);
  ASSERT_TRUE(facts.seen.reachable) << facts.why_unreachable;
  EXPECT_FALSE(facts.seen.supervisor);
}

TEST_P(WebTest, EachAnswerIsExact) {
  if (!possible()) GTEST_SKIP() << "this host lacks the program";
  const auto ran = guest("")->run(script("web", {kShellWeb, "web '' '' \"$@\"\n"}),
                                  {"metrics", fmt::format("http://127.0.0.1:{}/metrics", server_->port()),
                                   "none", "http://127.0.0.1:1/"});
  auto answers = parse_web(ran.output);
  EXPECT_EQ(answers["metrics"].body, "etcd_server_has_leader 1\netcd_server_is_leader 1\nother 5\n");
  EXPECT_TRUE(answers["metrics"].ok);
  EXPECT_FALSE(answers["none"].ok);
}

TEST_P(WebTest, NeighboursShowTheirCa) {
  if (!possible()) GTEST_SKIP() << "this host lacks the program";
  const auto found = neighbours(site(), *guest(""), {*parse_ipv4("127.0.0.1")});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.begin()->second, sys::sha256_hex(authority().certificate_pem));
}

INSTANTIATE_TEST_SUITE_P(Programs, WebTest, ::testing::Values(true, false),
                         [](const auto& which) { return which.param ? "curl" : "python"; });

TEST_F(ScriptsTest, APollReadsTheJournalOnAndTheNode) {
  stub("systemctl", kUnitActive);
  stub("journalctl", R"(case "$*" in
*--after-cursor\ s=1*) echo 'level=info msg="Importing images"'; echo '-- cursor: s=2;i=3' ;;
*_SYSTEMD_INVOCATION_ID=gone*) echo 'its last words'; echo '-- cursor: s=1' ;;
*) echo old; echo '-- cursor: s=1' ;;
esac
)");
  kubectl(R"(cat <<'END'
{
    "kind": "Node",
    "metadata": {
        "name": "lab-m-1"
    },
    "status": {
        "conditions": [
            {
                "status": "True",
                "type": "Ready"
            }
        ],
        "images": [
            {
                "names": [
                    "docker.io/rancher/x"
                ]
            }
        ],
        "nodeInfo": {
            "kubeletVersion": "v1.34.1+rke2r1"
        }
    }
}
END
)");
  const auto& machine = lab_.machines[0];
  auto polled = poll(site(), machine, "");
  EXPECT_EQ(polled.lines, std::vector<std::string>{"old"});
  polled = poll(site(), machine, "s=0", "gone");  // from where that process ended
  EXPECT_EQ(polled.silence, "");
  EXPECT_EQ(polled.cursor, "s=2;i=3");
  EXPECT_EQ(polled.lines, std::vector<std::string>{"level=info msg=\"Importing images\""});
  EXPECT_TRUE(polled.seen.active);
  EXPECT_EQ(polled.invocation, "abc");
  EXPECT_TRUE(polled.seen.supervisor);
  ASSERT_TRUE(polled.nodes && polled.nodes->size() == 1);
  EXPECT_TRUE(polled.nodes->front().ready);
  EXPECT_EQ(polled.nodes->front().version, "v1.34.1+rke2r1");
}

TEST_F(ScriptsTest, ANodeThatIsNotThereIsToldFromAnApiThatDoesNotAnswer) {
  const auto server = guest("");
  kubectl("echo 'Error from server (NotFound): nodes \"x\" not found' >&2\nexit 1\n");
  const auto missing = read_node(site(), *server, "x");
  ASSERT_TRUE(missing.has_value());
  EXPECT_TRUE(missing->empty());
  kubectl("echo 'The connection to the server was refused' >&2\nexit 1\n");
  EXPECT_FALSE(read_node(site(), *server, "x").has_value());
  EXPECT_FALSE(read_nodes(site(), *server).has_value());
}

TEST_F(ScriptsTest, WhatIsGoneAlreadyIsErasedAgainWithoutComplaint) {
  kubectl("echo 'Error from server (NotFound): not found' >&2\nexit 1\n");
  erase_node(site(), *guest(""), "m-9");
  kubectl("echo 'The connection to the server was refused' >&2\nexit 1\n");
  auto hasty = site();
  hasty.patience = 0.01;
  EXPECT_THROW(erase_node(hasty, *guest(""), "m-9"), Error);
}

TEST_F(ScriptsTest, AUnitIsEnabledBeforeItIsStarted) {
  stub("journalctl", "echo line\necho '-- cursor: s=9'\n");
  stub("systemctl", "[ \"$1\" = show ] && echo InvocationID=42\necho \"$*\" >>" +
                        (folder_.path() / "log").string() + "\n");
  const auto server = guest("");
  const auto cursor = restart_unit(site(), *server, lab_.machines[0]);
  EXPECT_EQ(cursor.text, "s=9");
  EXPECT_EQ(cursor.invocation, "42");
  EXPECT_EQ(start_unit(site(), *server, lab_.machines[0]).invocation, "");
  EXPECT_TRUE(contains(sys::read_file(folder_.path() / "log"),
                       "daemon-reload\n--quiet enable rke2-server\nreset-failed rke2-server\n--no-block "
                       "restart rke2-server\n"));
}

}  // namespace
}  // namespace hlid::cluster
