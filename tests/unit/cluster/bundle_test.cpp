#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "cluster/snapshot.h"
#include "cluster/ustar.h"
#include "observed_builder.h"
#include "shell_guest.h"
#include "support/fake_clock.h"

namespace hlid::cluster {
namespace {

namespace fs = std::filesystem;
using namespace hlid::test;

struct NoFleet : Fleet {
  std::unique_ptr<Guest> guest(const std::string&) override { throw Error(Errc::not_found, "none"); }
  bool runs(const std::string&) override { return false; }
};

/// A server in a folder: what the script looks for, and a program that plays the distribution's.
class BundleTest : public ::testing::Test {
 protected:
  BundleTest() {
    lab_.name = "lab";
    lab_.cluster.emplace();
    write("data/server/token", "K10abc::server:planted-token\n");
    write("data/server/tls/server-ca.crt", "a certificate\n");
    write("data/server/cred/passwd", "x\n");
    write("data/server/db/etcd/member/wal/0.wal", std::string(5000, 'w'));
    write("data/server/db/snapshots/other", "not ours");
    write("etc/config.yaml", "token: planted-token\n");
    write("bin/rke2", R"sh(#!/bin/sh
d=$(dirname "$0")/../data/server/db/snapshots
case "$1 $2" in
"etcd-snapshot save")
  [ ! -e "$d/fail" ] || { echo 'level=fatal msg="etcd is ill"' >&2; exit 1; }
  head -c 30000 /dev/urandom >"$d/$4-m-1-1700"
  echo "level=info msg=\"Snapshot $4-m-1-1700 saved.\"" ;;
"etcd-snapshot prune") echo "$@" >"$d/pruned" ;;
"--version ") echo "rke2 version v1.34.1+rke2r1 (abc)"; echo "go version go1" ;;
*) exit 9 ;;
esac
)sh");
    fs::permissions(root_.path() / "bin/rke2", fs::perms::owner_all);
  }

  void write(const fs::path& name, const std::string& content) {
    fs::create_directories((root_.path() / name).parent_path());
    sys::write_durable(root_.path() / name, content);
  }
  std::string map(std::string path) const {
    if (path == "/usr/local/bin/rke2") return (root_.path() / "bin/rke2").string();
    path = replace_all(path, "/var/lib/rancher/rke2", (root_.path() / "data").string());
    return replace_all(path, "/etc/rancher/rke2", (root_.path() / "etc").string());
  }
  Bundle take(const SnapshotOptions& options = {}) {
    return fetch_bundle(site_, guest_, make_bundle(site_, guest_, options), bundles(), options);
  }
  fs::path bundles() const { return root_.path() / "bundles"; }

  sys::TempFolder root_;
  model::Homelab lab_;
  NoFleet fleet_;
  FakeClock clock_;
  sys::SystemRandom random_;
  Site site_{lab_, fleet_, clock_, random_};
  ShellGuest guest_{"m-1", [this](const std::string& path) { return map(path); }};
};

TEST_F(BundleTest, HoldsAllThatAClusterNeedsAndSaysWhatItIs) {
  const auto bundle = take({"upgrade", "", 2});
  EXPECT_EQ(bundle.file.filename(), "lab-20231114-221320-upgrade.hlid-snapshot");
  EXPECT_EQ(bundle.lab, "lab");
  EXPECT_EQ(bundle.label, "upgrade");
  EXPECT_EQ(bundle.taken_on, "m-1");
  EXPECT_EQ(bundle.version, "v1.34.1+rke2r1");
  EXPECT_EQ(bundle.snapshot_name, "hlid-m-1-1700");
  EXPECT_EQ(bundle.ca_hash.size(), 64u);
  verify_bundle(bundle);
  std::vector<std::string> names;
  for (const auto& part : read_archive(bundle.file)) names.push_back(part.name);
  EXPECT_EQ(join(names, " "), "MANIFEST token snapshot.gz server.tar.gz config.tar.gz");
  EXPECT_EQ(read_part(bundle.file, read_archive(bundle.file)[1], 1000), "K10abc::server:planted-token\n");
  EXPECT_FALSE(fs::exists(root_.path() / "data/server/hlid-bundle")) << "nothing stays on the machine";
  EXPECT_EQ(fs::status(bundles()).permissions() & fs::perms::others_all, fs::perms::none);
  EXPECT_TRUE(contains(sys::read_file(root_.path() / "data/server/db/snapshots/pruned"),
                       "--name hlid --snapshot-retention 2"));
}

TEST_F(BundleTest, TheProgramsOwnWordsAreInTheError) {
  write("data/server/db/snapshots/fail", "");
  try {
    take();
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.message(), "etcd is ill")) << error.message();
  }
  EXPECT_TRUE(list_bundles(bundles()).empty());
}

TEST_F(BundleTest, ADamagedOrCutOffBundleIsFound) {
  const auto bundle = take();
  auto bytes = sys::read_file(bundle.file);
  const auto parts = read_archive(bundle.file);
  auto changed = bytes;
  changed[static_cast<std::size_t>(parts[2].offset) + 100] ^= 1;
  sys::write_durable(bundle.file, changed);
  EXPECT_THROW(verify_bundle(read_bundle(bundle.file)), Error);
  sys::write_durable(bundle.file, bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(read_bundle(bundle.file), Error);
  EXPECT_TRUE(list_bundles(bundles()).empty()) << "what is no whole bundle is not listed";
}

TEST_F(BundleTest, AreListedOldestFirstAndPrunedByLabel) {
  for (const char* label : {"upgrade", "", "upgrade", "", ""}) {
    clock_.tick(std::chrono::hours(1));
    auto bundle = take({label, "", 1});
    // The machine's clock is in the manifest; the fake one gives the file its name.
  }
  EXPECT_EQ(list_bundles(bundles()).size(), 5u);
  EXPECT_EQ(prune_bundles(bundles(), "lab", "", 1).size(), 2u);
  EXPECT_EQ(prune_bundles(bundles(), "other-lab", "", 0).size(), 0u);
  const auto left = list_bundles(bundles());
  ASSERT_EQ(left.size(), 3u);
  EXPECT_LT(left[0].file, left[2].file);
  EXPECT_TRUE(list_bundles("/nonexistent/folder").empty());
}

TEST_F(BundleTest, APartComesOutAsItWent) {
  const auto bundle = take();
  const auto part = read_archive(bundle.file)[2];
  extract_part(bundle.file, part, root_.path() / "out.gz");
  EXPECT_EQ(sys::read_file(root_.path() / "out.gz"), read_part(bundle.file, part, part.size));
}

TEST(SnapshotServer, IsAVoterAndRatherNotTheLeader) {
  auto seen = cluster_of(3);
  EXPECT_EQ(snapshot_server(seen), "m-2");
  EXPECT_EQ(snapshot_server(seen, "m-1"), "m-1");
  member_in(seen, "m-2").voting = model::Voting::learner;
  kill(seen, "m-3");
  EXPECT_EQ(snapshot_server(seen), "m-1");
  EXPECT_THROW(snapshot_server(seen, "m-2"), Error);
  seen.answers = false;
  EXPECT_THROW(snapshot_server(seen), Error);
}

}  // namespace
}  // namespace hlid::cluster
