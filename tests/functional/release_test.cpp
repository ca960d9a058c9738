// A release's whole way: from a server by https through the cache, or from a folder, onto a machine. The
// files are those of the stand-in (tests/support/fake_rke2), which have the names and the layout of RKE2's
// own.
#include <gtest/gtest.h>

#include "base/text.h"
#include "cluster/fetch.h"
#include "net/certificate.h"
#include "net/http_server.h"
#include "sys/clock.h"
#include "unit/cluster/install_world.h"

namespace hlid::cluster {
namespace {

const fs::path kArtifacts = HLID_FAKE_RKE2_ARTIFACTS;

/// A folder of releases as GitHub serves them: another host by a redirect, and ranges there.
class ReleaseServer : public net::HttpHandler {
 public:
  net::BodyVerdict on_head(const net::ServerRequest&) override { return {}; }
  void handle(net::ServerRequest request, net::Respond respond) override {
    net::ServerResponse response;
    const auto path = percent_decode(request.target);
    if (path.rfind("/channels/", 0) == 0) return respond(redirect("/releases/tag/v1.34.2%2Brke2r1"));
    if (path.rfind("/store/", 0) != 0) return respond(redirect("/store" + request.target));
    const auto content = sys::read_file_if_exists(kArtifacts / path.substr(7));
    if (!content) {
      response.status = 404;
      response.reason = "Not Found";
      return respond(response);
    }
    const auto range = net::find_header(request.headers, "Range");
    const auto from = range ? std::stoul(range->substr(6)) : 0UL;
    if (range) {
      ++resumed;
      response.status = 206;
      response.headers = {
          {"Content-Range", fmt::format("bytes {}-{}/{}", from, content->size() - 1, content->size())}};
    }
    response.body = content->substr(from);
    respond(response);
  }
  std::atomic<int> resumed{0};

 private:
  static net::ServerResponse redirect(const std::string& to) {
    net::ServerResponse response;
    response.status = 302;
    response.reason = "Found";
    response.headers = {{"Location", to}};
    return response;
  }
};

class ReleaseTest : public ::testing::Test {
 protected:
  ReleaseTest() {
    const auto authority = net::make_authority("test");
    const auto certificate = net::make_certificate(authority, "localhost", {"127.0.0.1"});
    write_quickly(folder_.path() / "ca.pem", authority.certificate_pem);
    net::ServerOptions options;
    options.port = 0;
    options.certificate_pem = certificate.certificate_pem;
    options.key_pem = certificate.key_pem;
    server_.emplace(options, handler_);
    origin_ = fmt::format("https://127.0.0.1:{}", server_->port());
    http_.emplace(net::TlsTrust{(folder_.path() / "ca.pem").string(), ""});
    cluster_.version = "v1.34.1+rke2r1";
    cluster_.vip = Ipv4{1};
  }
  ReleaseAccess access() {
    return {.cache = folder_.path() / "cache",
            .http = *http_,
            .runner = runner_,
            .clock = clock_,
            .progress = progress_,
            .stop = stop_.get_token(),
            .releases = origin_,
            .channels = origin_ + "/channels"};
  }
  std::string failure() {
    try {
      resolve(cluster_, access());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  sys::TempFolder folder_;
  ReleaseServer handler_;
  std::optional<net::HttpServer> server_;
  std::string origin_;
  std::optional<net::CurlHttpClient> http_;
  sys::PosixProcessRunner runner_;
  sys::SystemClock clock_;
  std::stop_source stop_;
  std::function<void(const FetchProgress&)> progress_ = [](const FetchProgress&) {};
  model::Cluster cluster_;
  FolderGuest guest_{folder_.path() / "root", folder_.path() / "disc"};
};

TEST_F(ReleaseTest, IsFetchedInTwoGoesInstalledAndUpgraded) {
  progress_ = [this](const FetchProgress& progress) {
    if (progress.total > 1'000'000 && progress.done > progress.total / 2) stop_.request_stop();
  };
  EXPECT_TRUE(contains(failure(), "interrupted"));
  stop_ = {};
  progress_ = [](const FetchProgress&) {};
  const auto release = resolve(cluster_, access());
  EXPECT_EQ(handler_.resumed, 1);
  EXPECT_EQ(release.kube_vip_image, "docker.io/rancher/mirrored-kube-vip-kube-vip-iptables:v0.8.9");
  EXPECT_TRUE(install(guest_, release).changed);
  EXPECT_TRUE(is_installed(guest_, release));

  cluster_.version = "";
  const auto next = resolve(cluster_, access());
  EXPECT_EQ(next.version.text(), "v1.34.2+rke2r1");
  InstallOptions options;
  options.replace = Replace::older;
  EXPECT_EQ(install(guest_, next, options).before, "v1.34.1+rke2r1");
  EXPECT_TRUE(is_installed(guest_, next));
}

TEST_F(ReleaseTest, AFolderOfSeveralIsTakenAsItIs) {
  cluster_.artifacts = kArtifacts.string();
  server_.reset();
  const auto release = resolve(cluster_, access());
  EXPECT_EQ(release.program().path, kArtifacts / "v1.34.1+rke2r1/rke2.linux-amd64.tar.gz");
  EXPECT_TRUE(install(guest_, release).changed);
  cluster_.version = "";
  EXPECT_EQ(chosen_version(cluster_, access()).text(), "v1.35.1+rke2r1");
  cluster_.channel = "v1.33";
  EXPECT_EQ(chosen_version(cluster_, access()).text(), "v1.33.9+rke2r1");
}

TEST_F(ReleaseTest, DamagedFoldersAreRefused) {
  cluster_.artifacts = (kArtifacts / "v1.34.1+rke2r1-corrupt").string();
  EXPECT_TRUE(contains(failure(), "corrupt: ")) << failure();
  cluster_.artifacts = (kArtifacts / "v1.34.1+rke2r1-noimages").string();
  EXPECT_TRUE(contains(failure(), "missing: ")) << failure();
  cluster_.artifacts = (kArtifacts / "v1.33.9+rke2r1").string();
  EXPECT_TRUE(contains(failure(), "holds v1.33.9+rke2r1, the file asks for v1.34.1+rke2r1")) << failure();
}

}  // namespace
}  // namespace hlid::cluster
