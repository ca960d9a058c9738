#include "cluster/install.h"

#include <sys/mount.h>

#include <cstring>

#include "base/text.h"
#include "install_world.h"
#include "sys/programs.h"

namespace hlid::cluster {
namespace {

const std::string kImages = "var/lib/rancher/rke2/agent/images/";

bool begins(const Error& error, std::string_view text) {
  return error.code() == Errc::precondition && error.message().rfind(text, 0) == 0;
}

/// Where it is installed; the style test needs it too, so that it is on every developer's machine.
std::string complaints_of_shellcheck(const std::string& script) {
  if (!sys::find_program("shellcheck")) return "";
  sys::Command command{{"shellcheck", "-s", "sh", "-"}};
  command.input = script;
  return sys::PosixProcessRunner().run(command).output;
}

TEST_F(InstallTest, PutsEverythingInPlace) {
  EXPECT_FALSE(is_installed(guest_, new_));
  const auto done = install(guest_, new_);
  EXPECT_TRUE(done.changed);
  EXPECT_EQ(done.before, "");
  EXPECT_EQ(said_version(), "rke2 version v1.34.1+rke2r1 (abc)\ngo\n");
  EXPECT_EQ(at("usr/local/lib/systemd/system/rke2-server.service"), "v1.34.1+rke2r1\n");
  EXPECT_EQ(at("usr/local/share/rke2/LICENSE.txt"), "v1.34.1+rke2r1\n");
  EXPECT_EQ(at(kImages + images_), "new images");
  EXPECT_TRUE(exists(kImages + ".cache.json"));
  EXPECT_FALSE(exists("usr/local/.hlid-new"));
  EXPECT_FALSE(exists("var/lib/rancher/rke2/hlid/new"));
  EXPECT_TRUE(is_installed(guest_, new_));
  EXPECT_FALSE(guest_.disc_is_in);
}

TEST_F(InstallTest, WhatIsInPlaceIsLeftAlone) {
  install(guest_, new_);
  const auto before = fs::last_write_time(root_ / "usr/local/bin/rke2");
  const auto again = install(guest_, new_);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.before, "v1.34.1+rke2r1");
  EXPECT_EQ(guest_.discs_inserted, 1);
  EXPECT_EQ(fs::last_write_time(root_ / "usr/local/bin/rke2"), before);
  // Even when two do it at once and the second one has its disc already.
  const auto ran = guest_.run(install_script(), install_arguments(new_, "place", "/no/disc"), {});
  EXPECT_TRUE(contains(ran.output, "changed=no")) << ran.output << ran.error_output;
}

TEST_F(InstallTest, WhatWasDamagedIsMended) {
  install(guest_, new_);
  const auto whole = tree();
  for (const auto& file : {kImages + images_, std::string("usr/local/bin/rke2"),
                           std::string("usr/local/lib/systemd/system/rke2-agent.service")}) {
    fs::remove(root_ / file);
    EXPECT_FALSE(is_installed(guest_, new_)) << file;
    EXPECT_TRUE(install(guest_, new_).changed) << file;
    EXPECT_EQ(tree(), whole) << file;
  }
  write_quickly(root_ / "usr/local/bin/rke2", "not a program", true);
  EXPECT_TRUE(install(guest_, new_).changed);
  EXPECT_EQ(tree(), whole);
}

TEST_F(InstallTest, AnotherVersionGivesWayOnlyWhenTold) {
  install(guest_, old_);
  const auto before = tree();
  const auto error = failure(new_);
  EXPECT_TRUE(begins(error, "other-version: 'valaskjalf-master-1' has v1.33.9+rke2r1")) << error.what();
  // Nor by the script itself, should the machine have changed since it was looked at.
  const auto ran = guest_.run(install_script(), install_arguments(new_, "place", "/disc"), {});
  EXPECT_EQ(ran.status, 3);
  EXPECT_TRUE(contains(ran.output, "error=other-version\nfound=v1.33.9+rke2r1")) << ran.output;
  EXPECT_EQ(tree(), before);
}

TEST_F(InstallTest, AnUpgradeRemovesTheOldArchivesAndNoOthers) {
  install(guest_, old_);
  write_quickly(root_ / kImages / "my-own.tar", "mine");
  write_quickly(root_ / kImages / "rke2-images.linux-amd64.tar", "unpacked by an older installer");
  InstallOptions options;
  options.replace = Replace::older;
  const auto done = install(guest_, new_, options);
  EXPECT_TRUE(done.changed);
  EXPECT_EQ(done.before, "v1.33.9+rke2r1");
  EXPECT_EQ(at(kImages + images_), "new images");
  EXPECT_EQ(at(kImages + "my-own.tar"), "mine");
  EXPECT_FALSE(exists(kImages + "kube-vip.tar"));
  EXPECT_FALSE(exists(kImages + "rke2-images.linux-amd64.tar"));
}

TEST_F(InstallTest, GoingBackIsForRestoresOnly) {
  install(guest_, new_);
  EXPECT_EQ(failure(old_, Replace::older).code(), Errc::precondition);
  EXPECT_EQ(said_version(), "rke2 version v1.34.1+rke2r1 (abc)\ngo\n");
  InstallOptions options;
  options.replace = Replace::any;
  EXPECT_TRUE(install(guest_, old_, options).changed);
  EXPECT_EQ(said_version(), "rke2 version v1.33.9+rke2r1 (abc)\ngo\n");
}

TEST_F(InstallTest, TheSameVersionWithOtherFilesIsPutRight) {
  install(guest_, new_);
  const auto more = maker_.make("v1.34.1+rke2r1", {{images_, "new images"}, {"kube-vip.tar.zst", "vip"}});
  EXPECT_FALSE(is_installed(guest_, more));
  EXPECT_TRUE(install(guest_, more).changed);
  EXPECT_EQ(at(kImages + "kube-vip.tar.zst"), "vip");
}

TEST_F(InstallTest, ADamagedFileIsNamedAndNothingChanges) {
  install(guest_, old_);
  const auto before = tree();
  for (const auto& file : {images_, std::string("rke2.linux-amd64.tar.gz"), std::string("hlid-sha256.txt")}) {
    guest_.spoil = [&](const fs::path& disc) {
      fs::permissions(disc / file, fs::perms::owner_write, fs::perm_options::add);
      auto content = sys::read_file(disc / file);
      content.back() = static_cast<char>(content.back() ^ 1);
      write_quickly(disc / file, content);
    };
    const auto error = failure(new_, Replace::older);
    EXPECT_TRUE(begins(error, "corrupt: ")) << error.what();
    EXPECT_TRUE(contains(error.message(), file)) << error.what();
    EXPECT_EQ(tree(), before) << file;
    EXPECT_FALSE(guest_.disc_is_in);
  }
  guest_.spoil = {};
  EXPECT_EQ(failure(new_, Replace::older).message(), "nothing was thrown");
}

TEST_F(InstallTest, AMissingFileOrLineIsNamed) {
  guest_.spoil = [&](const fs::path& disc) { fs::remove(disc / images_); };
  auto error = failure(new_);
  EXPECT_TRUE(begins(error, "missing: ") && contains(error.message(), images_)) << error.what();
  guest_.spoil = [&](const fs::path& disc) { fs::remove(disc / "hlid-sha256.txt"); };
  error = failure(new_);
  EXPECT_TRUE(begins(error, "missing: ") && contains(error.message(), "hlid-sha256.txt")) << error.what();
  guest_.spoil = {};
  // A checksum file that was made without the line of the images.
  auto release = new_;
  const auto sums = release.program().sha256 + "  " + release.program().name + "\n";
  write_quickly(release.checksums, sums);
  release.checksums_sha256 = sys::sha256_hex(sums);
  error = failure(release);
  EXPECT_TRUE(begins(error, "missing: ") && contains(error.message(), "says nothing of")) << error.what();
  EXPECT_TRUE(tree().empty());
}

TEST_F(InstallTest, AProgramOfAnotherVersionIsNotPlaced) {
  install(guest_, old_);
  const auto before = tree();
  const auto error =
      failure(maker_.make("v1.34.1+rke2r1", {{images_, "x"}}, "v1.35.0+rke2r1"), Replace::older);
  EXPECT_TRUE(begins(error, "wrong-version: ") && contains(error.message(), "v1.35.0+rke2r1"))
      << error.what();
  EXPECT_EQ(tree(), before);
}

TEST_F(InstallTest, WhatCannotBeWrittenIsSaid) {
  sys::make_folder(root_ / "var/lib/rancher/rke2/agent");
  write_quickly(root_ / "var/lib/rancher/rke2/agent/images", "a file where a folder belongs");
  const auto error = failure(new_);
  EXPECT_TRUE(begins(error, "cannot-write: ")) << error.what();
  EXPECT_FALSE(exists("usr/local/bin/rke2"));
}

TEST_F(InstallTest, AFullDiskIsFoundBeforeAnythingIsWritten) {
  const auto data = root_ / "var/lib/rancher/rke2";
  sys::make_folder(data);
  if (::mount("hlid-test", data.c_str(), "tmpfs", 0, "size=8m") != 0)
    GTEST_SKIP() << "cannot mount a small tmpfs: " << std::strerror(errno);
  const auto error = failure(new_);
  const auto left = std::distance(fs::directory_iterator(data), fs::directory_iterator{});
  ::umount2(data.c_str(), MNT_DETACH);
  EXPECT_TRUE(begins(error, "no-space: 'valaskjalf-master-1' has no room")) << error.what();
  EXPECT_TRUE(contains(error.message(), data.string())) << error.what();
  EXPECT_TRUE(contains(error.message(), "needs 32.0 MiB, 8.0 MiB are free")) << error.what();
  EXPECT_EQ(left, 0);
  EXPECT_FALSE(exists("usr/local/bin/rke2"));
}

TEST_F(InstallTest, K3sGetsItsUnitsAndScripts) {
  const auto k3s = maker_.make("v1.34.1+k3s1", {{"k3s-airgap-images-amd64.tar.zst", "images"}});
  EXPECT_TRUE(install(guest_, k3s).changed);
  EXPECT_TRUE(is_installed(guest_, k3s));
  EXPECT_TRUE(
      contains(at("usr/local/lib/systemd/system/k3s.service"), "ExecStart=/usr/local/bin/k3s server\n"));
  EXPECT_TRUE(contains(at("usr/local/lib/systemd/system/k3s.service"), "Type=notify\n"));
  EXPECT_TRUE(
      contains(at("usr/local/lib/systemd/system/k3s-agent.service"), "ExecStart=/usr/local/bin/k3s agent\n"));
  EXPECT_EQ(at("var/lib/rancher/k3s/agent/images/k3s-airgap-images-amd64.tar.zst"), "images");
  for (const auto* script : {"killall", "uninstall"}) {
    const auto path = root_ / fmt::format("usr/local/bin/k3s-{}.sh", script);
    EXPECT_EQ(fs::status(path).permissions() & fs::perms::owner_exec, fs::perms::owner_exec);
    EXPECT_EQ(complaints_of_shellcheck(sys::read_file(path)), "") << script;
  }
  EXPECT_FALSE(install(guest_, k3s).changed);
}

TEST(InstallScript, IsSmallEnoughForTheAgentAndCleanShell) {
  EXPECT_LT(install_script().size(), 60U * 1024);
  EXPECT_EQ(complaints_of_shellcheck(std::string(install_script())), "");
}

}  // namespace
}  // namespace hlid::cluster
