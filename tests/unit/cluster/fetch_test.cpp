#include "cluster/fetch.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_clock.h"
#include "support/fake_http.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;

const std::string kProgram = "rke2.linux-amd64.tar.gz";
const std::string kImages = "rke2-images.linux-amd64.tar.zst";
const std::string kHarvester = "rke2-images-harvester.linux-amd64.tar.zst";
const std::string kSums = "sha256sum-amd64.txt";
const std::string kKubeVip = "docker.io/rancher/mirrored-kube-vip-kube-vip-iptables:v1.2.3";

void write(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

/// An archive of images without any: tar(1) does not mind that it is not compressed.
std::string archive_of(const std::vector<std::string>& images) {
  const sys::TempFolder folder;
  std::string list;
  for (const auto& image : images) list += (list.empty() ? "\"" : ",\"") + image + "\"";
  write(folder.path() / "manifest.json", "[{\"RepoTags\":[" + list + "]}]");
  sys::PosixProcessRunner runner;
  const auto file = (folder.path() / "archive").string();
  sys::run_checked(runner, {{"tar", "-cf", file, "-C", folder.path().string(), "manifest.json"}});
  return sys::read_file(file);
}

std::string sums_of(const std::map<std::string, std::string>& files) {
  std::string text;
  for (const auto& [name, content] : files) text += sys::sha256_hex(content) + "  " + name + "\n";
  return text;
}

/// A place on the internet with releases, that tests can break.
class Releases {
 public:
  explicit Releases(test::FakeHttp& http) {
    http.otherwise([this](const net::HttpRequest& request) { return answer(request); });
  }
  std::map<std::string, std::map<std::string, std::string>> releases;  ///< version → name → content
  std::map<std::string, std::string> channels;                         ///< name → version
  bool reachable = true;
  std::map<std::string, int> breaks;  ///< name → how many times it breaks off in the middle
  std::function<void(const std::string& name)> on_request;
  std::vector<std::string> asked;  ///< names of files; with the Range

  void publish(const std::string& version, std::map<std::string, std::string> files) {
    files[kSums] = sums_of(files);
    releases[version] = std::move(files);
  }

 private:
  net::HttpResponse answer(const net::HttpRequest& request) {
    if (!reachable) throw Error(Errc::io, "request failed: could not resolve host");
    if (request.url.rfind("https://channels.example/", 0) == 0) return redirect(request.url.substr(25));
    const auto path = request.url.substr(std::string("https://releases.example/").size());
    const auto slash = path.find('/');
    const auto version = replace_all(path.substr(0, slash), "%2B", "+");
    const auto name = path.substr(slash + 1);
    if (on_request) on_request(name);
    const auto range = net::find_header(request.headers, "Range").value_or("");
    asked.push_back(name + (range.empty() ? "" : " " + range));
    const auto release = releases.find(version);
    if (release == releases.end() || release->second.count(name) == 0) return {404, "Not Found", {}, ""};
    return part(request, release->second.at(name), range, breaks[name]);
  }
  net::HttpResponse redirect(const std::string& channel) {
    if (channels.count(channel) == 0) return {404, "Not Found", {}, ""};
    const auto tag = replace_all(channels.at(channel), "+", "%2B");
    return {302, "Found", {{"Location", "https://releases.example/releases/tag/" + tag}}, ""};
  }
  static net::HttpResponse part(const net::HttpRequest& request, const std::string& content,
                                const std::string& range, int& breaks_left) {
    const auto from = range.empty() ? 0UL : std::stoul(range.substr(6));
    net::HttpResponse response{range.empty() ? 200 : 206, "OK", {}, content.substr(from)};
    response.headers = {{"Content-Length", std::to_string(response.body.size())}};
    if (!range.empty())
      response.headers.emplace_back("Content-Range",
                                    fmt::format("bytes {}-{}/{}", from, content.size() - 1, content.size()));
    if (breaks_left-- <= 0) return response;
    const auto half = response.body.substr(0, response.body.size() / 2);
    if (!half.empty()) request.on_body(response, half);
    throw Error(Errc::io, "broke off");
  }
};

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    releases_.publish("v1.34.1+rke2r1", files_of("v1.34.1-rke2r1"));
    releases_.channels["stable"] = "v1.34.1+rke2r1";
    cluster_.version = "v1.34.1+rke2r1";
  }
  static std::map<std::string, std::string> files_of(const std::string& tag) {
    return {{kProgram, "program " + tag},
            {kImages, archive_of({"docker.io/rancher/rke2-runtime:" + tag})},
            {kHarvester, archive_of({kKubeVip})},
            {"rke2-images-core.linux-amd64.tar.gz", "core " + tag},
            {"rke2-images-cilium.linux-amd64.tar.zst", "cilium " + tag}};
  }
  ReleaseAccess access() {
    return {.cache = folder_.path() / "cache",
            .http = http_,
            .runner = runner_,
            .clock = clock_,
            .progress = [this](const FetchProgress& progress) { seen_.push_back(progress); },
            .stop = stop_.get_token(),
            .releases = "https://releases.example",
            .channels = "https://channels.example"};
  }
  ReleaseSet get() { return resolve(cluster_, access()); }
  std::set<std::string> names(const ReleaseSet& release) {
    std::set<std::string> found;
    for (const auto& file : release.files) found.insert(file.name);
    return found;
  }
  Error failure() {
    try {
      get();
    } catch (const Error& error) {
      return error;
    }
    return {Errc::failed, "nothing was thrown"};
  }
  /// The user's folder with the files of a release, but for some.
  fs::path give(const std::string& name, std::map<std::string, std::string> files) {
    const auto folder = folder_.path() / name;
    files[kSums] = sums_of(files);
    for (const auto& [file, content] : files) write(folder / file, content);
    cluster_.artifacts = folder.string();
    return folder;
  }
  fs::path cached(const std::string& name) { return folder_.path() / "cache/v1.34.1+rke2r1" / name; }

  sys::TempFolder folder_;
  test::FakeHttp http_;
  test::FakeClock clock_;
  sys::PosixProcessRunner runner_;
  std::stop_source stop_;
  Releases releases_{http_};
  model::Cluster cluster_;
  std::vector<FetchProgress> seen_;
};

bool says(const Error& error, std::string_view text) {
  return contains(error.message(), text);
}

TEST_F(FetchTest, FetchesOnceWhatIsNeeded) {
  EXPECT_EQ(find_release(cluster_, chosen_version(cluster_, access()), access()), std::nullopt);
  const auto release = get();
  EXPECT_EQ(names(release), (std::set<std::string>{kProgram, kImages}));
  EXPECT_EQ(release.program().name, kProgram);
  EXPECT_EQ(sys::read_file(release.program().path), "program v1.34.1-rke2r1");
  EXPECT_EQ(release.program().sha256, sys::sha256_hex("program v1.34.1-rke2r1"));
  EXPECT_EQ(release.kube_vip_image, "");
  const auto sums = sys::read_file(release.checksums);
  EXPECT_EQ(parse_checksums(sums).size(), 2U);
  EXPECT_EQ(release.checksums_sha256, sys::sha256_hex(sums));
  EXPECT_EQ(releases_.asked, (std::vector<std::string>{kSums, kProgram, kImages}));
  EXPECT_EQ(seen_.back().doing, FetchProgress::Doing::checking);

  releases_.reachable = false;
  EXPECT_EQ(get().checksums_sha256, release.checksums_sha256);
  EXPECT_TRUE(find_release(cluster_, release.version, access()));
}

TEST_F(FetchTest, TellsHowFarItIs) {
  get();
  const auto last = std::find_if(seen_.rbegin(), seen_.rend(), [](const FetchProgress& one) {
    return one.doing == FetchProgress::Doing::fetching;
  });
  ASSERT_NE(last, seen_.rend());
  EXPECT_EQ(last->file, kImages);
  EXPECT_EQ(last->number, 2);
  EXPECT_EQ(last->count, 2);
  EXPECT_EQ(last->done, last->total);
  EXPECT_GT(last->total, 0);
}

TEST_F(FetchTest, ANetworkOfItsOwnHasItsArchives) {
  cluster_.cni = "cilium";
  // The smaller form where the release has it, else the other.
  EXPECT_EQ(names(get()), (std::set<std::string>{kProgram, "rke2-images-core.linux-amd64.tar.gz",
                                                 "rke2-images-cilium.linux-amd64.tar.zst"}));
  cluster_.cni = "calico";
  const auto error = failure();
  EXPECT_TRUE(
      says(error, "release-not-reached: v1.34.1+rke2r1 has no file with the images of the CNI calico"))
      << error.what();
}

TEST_F(FetchTest, AVipBringsTheArchiveWithKubeVip) {
  cluster_.vip = Ipv4{1};
  const auto release = get();
  EXPECT_EQ(names(release), (std::set<std::string>{kProgram, kImages, kHarvester}));
  EXPECT_EQ(release.kube_vip_image, kKubeVip);
  EXPECT_EQ(release.files.size(), 3U);
}

TEST_F(FetchTest, WithoutItsImageAVipIsRefused) {
  releases_.publish("v1.34.1+k3s1",
                    {{"k3s", "program"}, {"k3s-airgap-images-amd64.tar.zst", archive_of({"a:1"})}});
  cluster_.distribution = "k3s";
  cluster_.version = "v1.34.1+k3s1";
  EXPECT_EQ(names(get()), (std::set<std::string>{"k3s", "k3s-airgap-images-amd64.tar.zst"}));
  cluster_.vip = Ipv4{1};
  const auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(says(error, "no-kube-vip: ")) << error.what();
  EXPECT_TRUE(contains(error.hint(), "kube-vip.tar")) << error.hint();
  EXPECT_EQ(find_release(cluster_, *Version::parse("v1.34.1+k3s1"), access()), std::nullopt);
}

TEST_F(FetchTest, KubeVipMayBeAmongTheOtherImages) {
  releases_.publish("v1.34.1+rke2r1", {{kProgram, "program"}, {kImages, archive_of({kKubeVip})}});
  cluster_.vip = Ipv4{1};
  EXPECT_EQ(get().kube_vip_image, kKubeVip);
  releases_.publish("v1.34.2+rke2r1", {{kProgram, "program"}, {kImages, archive_of({"a:1"})}});
  cluster_.version = "v1.34.2+rke2r1";
  EXPECT_TRUE(says(failure(), "no-kube-vip: "));
}

TEST_F(FetchTest, UnreachableIsSaidAtOnceWithBothWaysOut) {
  releases_.reachable = false;
  const auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(says(error, "release-not-reached: v1.34.1+rke2r1 cannot be fetched")) << error.what();
  EXPECT_TRUE(says(error, "could not resolve host")) << error.what();
  EXPECT_TRUE(says(error, kSums + ", " + kProgram + ", " + kImages)) << error.what();
  EXPECT_TRUE(contains(error.hint(), "let this host reach https://releases.example")) << error.hint();
  EXPECT_TRUE(contains(error.hint(), "https://releases.example/v1.34.1%2Brke2r1 into a folder"))
      << error.hint();
  EXPECT_LT(clock_.now().time_since_epoch(), std::chrono::seconds(10));
}

TEST_F(FetchTest, AReleaseThatIsNotThereIsNotReached) {
  cluster_.version = "v1.34.99+rke2r1";
  const auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(says(error, "404 Not Found")) << error.what();
}

TEST_F(FetchTest, WhatBreaksOffGoesOnAsLongAsSomethingComes) {
  releases_.breaks[kImages] = 8;
  const auto release = get();
  EXPECT_EQ(sys::read_file(release.files[1].path), releases_.releases.at("v1.34.1+rke2r1").at(kImages));
  EXPECT_TRUE(contains(releases_.asked.back(), kImages + " bytes="));
}

TEST_F(FetchTest, AKilledFetchGoesOnWhereItWas) {
  releases_.on_request = [this](const std::string& name) {
    if (name == kImages && releases_.asked.size() > 3) stop_.request_stop();
  };
  releases_.breaks[kImages] = 100;
  EXPECT_EQ(failure().code(), Errc::interrupted);
  const auto kept = fs::file_size(cached(kImages + ".part"));
  EXPECT_GT(kept, 0U);
  releases_.breaks.clear();
  releases_.on_request = {};
  stop_ = {};
  get();
  EXPECT_EQ(releases_.asked.back(), fmt::format("{} bytes={}-", kImages, kept));
  EXPECT_FALSE(fs::exists(cached(kImages + ".part")));
}

TEST_F(FetchTest, AFileThatIsNotWhatTheReleaseSaysIsRefused) {
  releases_.releases["v1.34.1+rke2r1"][kProgram] = "something else";
  const auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(says(error, "corrupt: ") && says(error, kProgram)) << error.what();
  EXPECT_EQ(std::count(releases_.asked.begin(), releases_.asked.end(), kProgram), 2);
  EXPECT_FALSE(fs::exists(cached(kProgram)));
  releases_.publish("v1.34.1+rke2r1", files_of("v1.34.1-rke2r1"));
  EXPECT_NO_THROW(get());
}

TEST_F(FetchTest, APageInPlaceOfTheChecksumsIsNotKept) {
  const auto good = releases_.releases["v1.34.1+rke2r1"][kSums];
  releases_.releases["v1.34.1+rke2r1"][kSums] = "<html>log in first</html>";
  EXPECT_TRUE(says(failure(), "is no list of checksums"));
  releases_.releases["v1.34.1+rke2r1"][kSums] = good;
  EXPECT_NO_THROW(get());
}

TEST_F(FetchTest, ADamagedFileOfTheCacheIsFetchedAgain) {
  get();
  write(cached(kProgram), "damaged");
  EXPECT_EQ(find_release(cluster_, *Version::parse("v1.34.1+rke2r1"), access()), std::nullopt);
  EXPECT_EQ(sys::read_file(get().program().path), "program v1.34.1-rke2r1");
}

TEST_F(FetchTest, OnlyHttpsIsASource) {
  auto by_http = access();
  by_http.releases = "http://releases.example";
  EXPECT_THROW(resolve(cluster_, by_http), Error);
  EXPECT_TRUE(releases_.asked.empty());
}

TEST_F(FetchTest, AChannelIsAskedAndRemembered) {
  cluster_.version = "";
  EXPECT_EQ(chosen_version(cluster_, access()).text(), "v1.34.1+rke2r1");
  releases_.channels["stable"] = "v1.35.0+rke2r1";
  EXPECT_EQ(chosen_version(cluster_, access()).text(), "v1.35.0+rke2r1");
  releases_.reachable = false;
  EXPECT_EQ(chosen_version(cluster_, access()).text(), "v1.35.0+rke2r1");
  cluster_.channel = "v1.33";
  const auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(says(error, "release-not-reached: which release the channel 'v1.33' is")) << error.what();
  EXPECT_TRUE(contains(error.hint(), "cluster.version")) << error.hint();
}

TEST_F(FetchTest, AFolderIsTakenAsItIs) {
  releases_.reachable = false;
  const auto folder = give("rke2", {{kProgram, "program"}, {kImages, "no archive, but images"}});
  const auto release = get();
  EXPECT_EQ(release.program().path, folder / kProgram);
  EXPECT_EQ(release.files[1].path, folder / kImages);
  EXPECT_TRUE(find_release(cluster_, release.version, access()));
}

TEST_F(FetchTest, AFolderThatLacksFilesNamesThem) {
  const auto folder = give("rke2", {{kProgram, "program"}});
  auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(
      says(error, "release-not-reached: '" + folder.string() + "' lacks files of v1.34.1+rke2r1: " + kImages))
      << error.what();
  EXPECT_TRUE(contains(error.hint(), "https://github.com/rancher/rke2/releases/download/v1.34.1%2Brke2r1"))
      << error.hint();
  fs::remove(folder / kSums);
  error = failure();
  EXPECT_TRUE(says(error, kSums)) << error.what();
  EXPECT_EQ(find_release(cluster_, *Version::parse("v1.34.1+rke2r1"), access()), std::nullopt);
  EXPECT_TRUE(releases_.asked.empty());
}

TEST_F(FetchTest, AFolderWithWrongFilesIsRefused) {
  const auto folder = give("rke2", {{kProgram, "program"}, {kImages, "images"}});
  write(folder / kImages, "imagse");
  auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(says(error, "corrupt: ") && says(error, kImages)) << error.what();
  write(folder / kSums, sums_of({{kProgram, "program"}}));
  error = failure();
  EXPECT_TRUE(says(error, "missing: ") && says(error, kImages)) << error.what();
}

TEST_F(FetchTest, AFolderOfAnotherReleaseIsRefused) {
  give("rke2", files_of("v1.33.9-rke2r1"));
  const auto error = failure();
  EXPECT_EQ(error.code(), Errc::precondition);
  EXPECT_TRUE(says(error, "holds v1.33.9+rke2r1, the file asks for v1.34.1+rke2r1")) << error.what();
}

TEST_F(FetchTest, AFolderTellsItsVersionIfItCan) {
  cluster_.version = "";
  cluster_.channel = "stable";
  give("rke2", files_of("v1.33.9-rke2r1"));
  EXPECT_EQ(get().version.text(), "v1.33.9+rke2r1");
  give("silent", {{kProgram, "program"}, {kImages, "images"}});
  const auto error = failure();
  EXPECT_TRUE(says(error, "do not say which release they are")) << error.what();
  EXPECT_EQ(error.hint(), "write it into cluster.version");
}

TEST_F(FetchTest, AFolderMayHoldSeveralReleases) {
  for (const auto* version : {"v1.33.9+rke2r1", "v1.34.2+rke2r1", "v1.34.10+rke2r1"})
    give("all/" + std::string(version), {{kProgram, version}, {kImages, "images"}});
  cluster_.artifacts = (folder_.path() / "all").string();
  write(folder_.path() / "all/kube-vip.tar", archive_of({"ghcr.io/kube-vip/kube-vip:v0.8.7"}));
  write(folder_.path() / "all/images/app.tar.gz", "an application's");
  cluster_.vip = Ipv4{1};
  cluster_.version = "v1.33.9+rke2r1";
  const auto release = get();
  EXPECT_EQ(sys::read_file(release.program().path), "v1.33.9+rke2r1");
  EXPECT_EQ(names(release), (std::set<std::string>{kProgram, kImages, "kube-vip.tar", "app.tar.gz"}));
  EXPECT_EQ(release.kube_vip_image, "ghcr.io/kube-vip/kube-vip:v0.8.7");
  cluster_.version = "";
  cluster_.channel = "stable";
  EXPECT_EQ(chosen_version(cluster_, access()).text(), "v1.34.10+rke2r1");
  cluster_.channel = "v1.33";
  EXPECT_EQ(chosen_version(cluster_, access()).text(), "v1.33.9+rke2r1");
}

TEST_F(FetchTest, TheListBesideAnArchiveTellsItsImages) {
  const auto folder = give("rke2", {{kProgram, "program"}, {kImages, "opaque"}});
  write(folder / "rke2-images.linux-amd64.txt",
        "docker.io/rancher/rke2-runtime:v1.34.1-rke2r1\n" + kKubeVip + "\n");
  cluster_.vip = Ipv4{1};
  EXPECT_EQ(get().kube_vip_image, kKubeVip);
}

TEST_F(FetchTest, AFolderWithoutKubeVipAsksForTheArchiveThatHasIt) {
  give("rke2", {{kProgram, "program"}, {kImages, archive_of({"a:1"})}});
  cluster_.vip = Ipv4{1};
  const auto error = failure();
  EXPECT_TRUE(says(error, "release-not-reached: ") && says(error, kHarvester)) << error.what();
}

}  // namespace
}  // namespace hlid::cluster
