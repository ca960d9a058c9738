// The scripts of changing a cluster, run by this host's sh against programs that answer as the machine's do.
#include <gtest/gtest.h>

#include "base/text.h"
#include "cluster/cordon.h"
#include "cluster/reset.h"
#include "cluster/rotate.h"
#include "cluster/teardown.h"
#include "net/certificate.h"
#include "net/http_server.h"
#include "unit/cluster/stub_machine.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;
class ChangeScripts : public test::StubMachine {
 protected:
  std::unique_ptr<Guest> machine() { return guest(lab_.machines[0].name); }
  void expect_call(const std::string& call) { EXPECT_TRUE(contains(calls(), call + "\n")) << calls(); }
};

TEST_F(ChangeScripts, StoppingLeavesWhatIsNotThere) {
  stub(
      "systemctl",
      "case \"$*\" in 'show -p LoadState --value rke2-server') echo loaded ;; show*) echo not-found ;; esac");
  stop_units(site(), *machine(), true);
  expect_call("systemctl disable rke2-server");
  expect_call("systemctl stop rke2-server");
  EXPECT_FALSE(contains(calls(), "stop rke2-agent"));
}

TEST_F(ChangeScripts, AUnitThatCannotBeStoppedIsTold) {
  stub("systemctl", "case \"$1\" in show) echo loaded ;; stop) echo 'Job failed' >&2; exit 1 ;; esac");
  try {
    stop_units(site(), *machine(), false);
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.message(), "Job failed")) << error.message();
  }
}

TEST_F(ChangeScripts, KillingTakesTheVipAwayToo) {
  const auto vip = to_string(*lab_.cluster->vip);
  stub("systemctl", "[ \"$1\" != show ] || echo loaded");
  stub("ip", "[ \"$1\" != -o ] || { echo '1: lo    inet 127.0.0.1/8 scope host lo'; echo '2: ens18    inet " +
                 vip + "/32 scope global ens18'; }");
  program(at("/usr/local/bin/rke2-killall.sh"), "");
  kill_all(site(), *machine(), false);
  expect_call("rke2-killall.sh ");
  expect_call("ip addr del " + vip + "/32 dev ens18");
  EXPECT_FALSE(contains(calls(), "127.0.0.1/8 dev"));
  EXPECT_FALSE(contains(calls(), "disable"));
}

TEST_F(ChangeScripts, UninstallingRemovesWhatHlidWroteToo) {
  stub("systemctl");
  program(at("/usr/local/bin/rke2-uninstall.sh"), "rm -f \"$0\"");
  put("/etc/systemd/system/rke2-server.service.d/10-hlid.conf", "x");
  uninstall(site(), *machine());
  expect_call("rke2-uninstall.sh ");
  EXPECT_FALSE(exists("/usr/local/bin/rke2-uninstall.sh"));
  uninstall(site(), *machine());
  EXPECT_EQ(split(calls(), '\n').size(), 4u) << "the second time only daemon-reload: " << calls();
}

TEST_F(ChangeScripts, ParkingLabelsCordonsAndDrains) {
  program(at(data("bin/kubectl")), "");
  model::ObservedNodeObject node;
  node.name = "lab-w-1";
  park(site(), *machine(), node, true, std::chrono::seconds(90));
  expect_call("kubectl --kubeconfig " + at("/etc/rancher/rke2/rke2.yaml").string() +
              " --request-timeout=20s label node lab-w-1 hlid.dev/parked=true --overwrite");
  EXPECT_TRUE(
      contains(calls(), "drain lab-w-1 --ignore-daemonsets --delete-emptydir-data --force --timeout=90s"))
      << calls();
}

TEST_F(ChangeScripts, ANodeThatSomebodyCordonedIsNotLabelled) {
  program(at(data("bin/kubectl")), "");
  model::ObservedNodeObject node;
  node.name = "lab-w-1";
  node.cordoned = true;
  park(site(), *machine(), node, false, std::chrono::seconds(90));
  EXPECT_FALSE(contains(calls(), "label"));
  EXPECT_FALSE(contains(calls(), "drain"));
}

TEST_F(ChangeScripts, OnlyWhatWasParkedIsUncordoned) {
  program(at(data("bin/kubectl")), "case \"$*\" in *get*) echo '{\"labels\": {\"other\": \"x\"}}' ;; esac");
  unpark(site(), *machine(), "lab-w-1");
  EXPECT_FALSE(contains(calls(), "uncordon"));
  program(at(data("bin/kubectl")),
          "case \"$*\" in *get*) echo '{\"labels\": {\"hlid.dev/parked\": \"true\"}}' ;; esac");
  unpark(site(), *machine(), "lab-w-1");
  EXPECT_TRUE(contains(calls(), "uncordon lab-w-1"));
  EXPECT_TRUE(contains(calls(), "label node lab-w-1 hlid.dev/parked-"));
  program(at(data("bin/kubectl")), "exit 1");
  EXPECT_THROW(unpark(site(), *machine(), "lab-w-1"), Error) << "not asked is not the same as not parked";
}

TEST_F(ChangeScripts, DataGoesAsideAndComesBack) {
  put(data("server/db/etcd/member/wal/0.wal"), "old");
  put(data("server/db/snapshots/kept"), "snapshot");
  set_data_aside(site(), *machine(), false);
  EXPECT_FALSE(exists(data("server/db/etcd")));
  EXPECT_TRUE(exists(data("server/db/snapshots/kept"))) << "its snapshots stay";
  set_data_aside(site(), *machine(), false);
  put(data("server/db/etcd/member/wal/0.wal"), "new");
  put_data_back(site(), *machine());
  EXPECT_EQ(text(data("server/db/etcd/member/wal/0.wal")), "old");
  put_data_back(site(), *machine());
  EXPECT_EQ(text(data("server/db/etcd/member/wal/0.wal")), "old") << "nothing aside, nothing changed";
}

TEST_F(ChangeScripts, ACopyLeavesTheOriginal) {
  put(data("server/db/etcd/member/wal/0.wal"), "old");
  set_data_aside(site(), *machine(), true);
  EXPECT_EQ(text(data("server/db/etcd/member/wal/0.wal")), "old");
  put(data("server/db/etcd/member/wal/0.wal"), "half reset");
  put(data("server/db/reset-flag"), "");
  put_data_back(site(), *machine());
  EXPECT_EQ(text(data("server/db/etcd/member/wal/0.wal")), "old");
  EXPECT_FALSE(exists(data("server/db/reset-flag")));
  set_data_aside(site(), *machine(), true);
  drop_data_aside(site(), *machine());
  for (const auto& entry : fs::directory_iterator(at(data("server"))))
    EXPECT_EQ(entry.path().filename(), "db") << "nothing stays behind";
}

constexpr const char* kDone =
    "case \"$*\" in\n"
    "*ExecMainExitTimestamp*) echo @$(($(date +%s) - 5)) ;;\n"
    "*InvocationID*) echo abc ;;\n"
    "show*) echo LoadState=loaded; echo ActiveState=active; echo SubState=exited; echo Result=success ;;\n"
    "esac\n";

TEST_F(ChangeScripts, AResetHasAConfigurationWithoutServer) {
  stub("systemctl", kDone);
  stub("systemd-run");
  stub("journalctl", "echo 'msg=\"Managed etcd cluster membership has been reset, restart without\"'");
  put("/etc/rancher/rke2/config.yaml", "server: https://operator:9345\nnode-label: [a]\n");
  put("/etc/rancher/rke2/config.yaml.d/10-hlid.yaml",
      "server: \"https://10.0.0.1:9345\"\ntls-san:\n  - \"x\"\n");
  put("/etc/rancher/rke2/hlid-reset.yaml.d/99-old.yaml", "of an earlier reset");
  put(data("server/db/reset-flag"), "");
  reset(site(), *machine(), {"abc", "/snapshots/one", Secret("K10x::server:planted")});
  const std::string ours = "/etc/rancher/rke2/hlid-reset.yaml";
  EXPECT_FALSE(contains(text(ours), "server:"));
  EXPECT_TRUE(contains(text(ours), "node-label: [a]"));
  EXPECT_EQ(text(ours + ".d/10-hlid.yaml"), "tls-san:\n  - \"x\"\n");
  EXPECT_TRUE(contains(text(ours + ".d/zz-hlid-token.yaml"), "planted"));
  EXPECT_FALSE(exists(ours + ".d/99-old.yaml"));
  EXPECT_FALSE(exists(data("server/db/reset-flag")));
  EXPECT_FALSE(contains(calls(), "planted")) << "no process ever shows the token";
  EXPECT_TRUE(contains(calls(), "--unit=hlid-reset-abc.service")) << calls();
  EXPECT_TRUE(contains(calls(), "--setenv=RKE2_CONFIG_FILE=" + at(ours).string()));
  EXPECT_TRUE(contains(
      calls(), "server --cluster-reset --cluster-reset-restore-path=" + at("/snapshots/one").string() + "\n"))
      << calls();
  EXPECT_TRUE(is_reset(site(), *machine(), "abc"));
  clear_reset(site(), *machine(), "abc");
  EXPECT_FALSE(exists(ours));
  EXPECT_FALSE(exists(ours + ".d"));
}

TEST_F(ChangeScripts, AResetThatOnlyExitsWellIsNotBelieved) {
  stub("systemctl", kDone);
  stub("systemd-run");
  stub("journalctl",
       "echo 'level=fatal msg=\"cannot perform cluster-reset while server URL is set\"'; echo bye");
  try {
    reset(site(), *machine(), {"abc", "", std::nullopt});
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.message(), "while server URL is set")) << error.message();
  }
  EXPECT_FALSE(is_reset(site(), *machine(), "abc"));
}

TEST_F(ChangeScripts, AnUnknownResetWasNotBegun) {
  stub("systemctl",
       "case \"$*\" in *--value*) echo ;; show*) echo LoadState=not-found; echo ActiveState=inactive; echo "
       "SubState=dead; echo Result=success ;; esac");
  EXPECT_FALSE(reset_was_begun(*machine(), "abc"));
  EXPECT_FALSE(is_reset(site(), *machine(), "abc"));
}

TEST_F(ChangeScripts, CertificatesAreReadTheMostUrgentFirst) {
  const auto authority = net::make_authority("ca");
  const auto pair = net::make_certificate(authority, "x", {"localhost"});
  put(data("server/tls/client-admin.crt"), pair.certificate_pem + authority.certificate_pem);
  put(data("server/tls/etcd/server-client.crt"), pair.certificate_pem);
  put(data("server/tls/server-ca.crt"), authority.certificate_pem);
  put(data("agent/client-kubelet.crt"), pair.certificate_pem);
  while (lab_.machines.size() > 1) lab_.machines.pop_back();
  const auto found = check_certificates(site());
  ASSERT_EQ(found.size(), 3u) << "authorities are not among them";
  for (const auto& one : found) EXPECT_GT(one.days, 700) << one.name;
  std::vector<std::string> names;
  for (const auto& one : found) names.push_back(one.name);
  EXPECT_EQ(join(names, " "), "client-admin client-kubelet etcd/server-client");
}

/// The supervisor of a server, as far as it is asked for a new token.
class TokenDesk : public net::HttpHandler {
 public:
  net::BodyVerdict on_head(const net::ServerRequest&) override { return {}; }
  void handle(net::ServerRequest request, net::Respond respond) override {
    net::ServerResponse response;
    response.close = true;
    const auto login = net::find_header(request.headers, "Authorization").value_or("");
    asked = fmt::format("{} {} {}", request.method, request.target, request.body);
    response.status = login == "Basic " + base64_encode("server:old") ? 200 : 401;
    response.body = response.status == 200 ? "{}" : "not authorized";
    respond(response);
  }
  std::string asked;
};

class TokenScript : public ChangeScripts {
 protected:
  TokenScript() {
    const auto authority = net::make_authority("the cluster's CA");
    const auto pair = net::make_certificate(authority, "localhost", {"127.0.0.1"});
    net::ServerOptions options;
    options.port = 0;
    options.certificate_pem = pair.certificate_pem;
    options.key_pem = pair.key_pem;
    server_.emplace(options, desk_);
    put(data("server/tls/server-ca.crt"), authority.certificate_pem);
    put(data("server/token"), "K10" + std::string(64, 'a') + "::server:old\n");
    put(data("server/request"), R"({"newToken":"new"})");
  }
  std::string mapped(const std::string& argument) const override {
    return argument == "9345" ? std::to_string(server_->port()) : ChangeScripts::mapped(argument);
  }
  void expect_it_works() {
    ask_for_token(site(), *machine(), data("server/request"));
    EXPECT_EQ(desk_.asked, R"(PUT /v1-rke2/token {"newToken":"new"})");
    put(data("server/token"), "K10" + std::string(64, 'a') + "::server:wrong\n");
    try {
      ask_for_token(site(), *machine(), data("server/request"));
      FAIL();
    } catch (const Error& error) {
      EXPECT_TRUE(contains(error.message(), "not authorized")) << error.message();
    }
  }
  TokenDesk desk_;
  std::optional<net::HttpServer> server_;
};

TEST_F(TokenScript, AsksTheServerItself) {
  expect_it_works();
}

TEST_F(TokenScript, WithoutCurlToo) {
  // Only what a machine surely has.
  fs::create_directories(folder_.path() / "bin");
  bare_path_ = true;
  for (const auto* name : {"sh", "sed", "python3"})
    fs::create_symlink(fs::path("/usr/bin") / name, folder_.path() / "bin" / name);
  expect_it_works();
}

}  // namespace
}  // namespace hlid::cluster
