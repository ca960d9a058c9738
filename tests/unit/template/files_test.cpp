#include "template/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "example.h"
#include "support/golden.h"
#include "support/scripted_process.h"
#include "sys/files.h"
#include "template/root_folder.h"

namespace hlid::templates {
namespace {

namespace fs = std::filesystem;

const std::string kKey(64, 'a');

std::string shown(const std::vector<ImageFile>& files) {
  std::string text;
  for (const auto& file : files) {
    text += fmt::format("=== {} {:o}{}\n", file.path, static_cast<unsigned>(file.mode),
                        file.link.empty() ? "" : " -> " + file.link);
    text += file.text;
  }
  return text;
}

class FilesOf : public testing::TestWithParam<const char*> {};

TEST_P(FilesOf, AreAsAccepted) {
  const auto request = test::example_request(GetParam());
  const auto& release = find_release(request.image.os);
  test::expect_golden(
      fmt::format("template/files-{}.txt", release.os),
      shown(configuration_files(request, release, disk_ids(kKey))) + shown(early_files(release)));
}

TEST_P(FilesOf, MmdebstrapIsCalledAsAccepted) {
  auto request = test::example_request(GetParam());
  const auto& release = find_release(request.image.os);
  const auto early = early_files(release).empty() ? "" : "/build/a \"quoted\" folder/early";
  test::expect_golden(
      fmt::format("template/mmdebstrap-{}.txt", release.os),
      join(mmdebstrap_argv(request, release, "/build/root", "/keys/archive.gpg", early), "\n") + "\n");
}

INSTANTIATE_TEST_SUITE_P(Releases, FilesOf, testing::Values("ubuntu-24.04", "debian-12", "debian-13"),
                         [](const auto& given) {
                           return replace_all(replace_all(given.param, "-", "_"), ".", "_");
                         });

TEST(Mmdebstrap, TakesAMirrorWithItsUpdates) {
  auto request = test::example_request();
  request.image.mirror = "http://mirror.example/ubuntu";
  const auto argv = mmdebstrap_argv(request, find_release(request.image.os), "/r", "", "");
  const std::vector<std::string> last(argv.end() - 3, argv.end());
  EXPECT_EQ(last,
            (std::vector<std::string>{"deb http://mirror.example/ubuntu noble main universe",
                                      "deb http://mirror.example/ubuntu noble-updates main universe",
                                      "deb http://mirror.example/ubuntu noble-security main universe"}));
}

TEST(DiskIds, DependOnTheContentAlone) {
  EXPECT_EQ(disk_ids(kKey).root_fs, disk_ids(kKey).root_fs);
  EXPECT_NE(disk_ids(kKey).root_fs, disk_ids(std::string(64, 'b')).root_fs);
  EXPECT_NE(disk_ids(kKey).root_fs, disk_ids(kKey).root_partition);
}

TEST(WriteFiles, FollowsLinksInsideTheRootOnly) {
  const sys::TempFolder folder;
  const auto root = folder.path() / "root";
  sys::make_folder(root / "usr/etc");
  sys::make_folder(folder.path() / "outside");
  sys::make_folder(root / "outside");
  fs::create_symlink("/usr/etc", root / "etc");                         // absolute: within the image
  fs::create_symlink("../../../outside/file", root / "usr/etc/climb");  // would leave it
  fs::create_symlink("locale.conf", root / "usr/etc/locale");
  sys::write_durable(root / "usr/etc/locale.conf", "old");
  write_files(root, {{.path = "/etc/locale", .text = "new"},
                     {.path = "/etc/climb", .text = "caught"},
                     {.path = "/etc/secret", .text = "x", .mode = 0600},
                     {.path = "/etc/deep/folder/link", .link = "../target"}});
  EXPECT_EQ(sys::read_file(root / "usr/etc/locale.conf"), "new");
  EXPECT_TRUE(fs::is_empty(folder.path() / "outside"));
  EXPECT_EQ(sys::read_file(root / "outside/file"), "caught");
  EXPECT_EQ(fs::status(root / "usr/etc/secret").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::read_symlink(root / "usr/etc/deep/folder/link"), "../target");
}

TEST(WriteFiles, ALoopOfLinksIsAnError) {
  const sys::TempFolder folder;
  fs::create_symlink("b", folder.path() / "a");
  fs::create_symlink("a", folder.path() / "b");
  EXPECT_THROW(write_files(folder.path(), {{.path = "/a/file", .text = "x"}}), Error);
}

/// A root folder with what configure_root looks at.
fs::path small_root(const sys::TempFolder& folder) {
  const auto root = folder.path() / "root";
  for (const auto* path : {"usr/share/i18n/locales/fr_FR", "usr/share/zoneinfo/Europe/Paris",
                           "usr/share/X11/xkb/symbols/fr", "usr/bin/podman-remote"}) {
    sys::make_folder((root / path).parent_path());
    sys::write_durable(root / path, "");
  }
  return root;
}

TEST(Configure, MakesLocaleAndConsoleWithTheImagesOwnPrograms) {
  const sys::TempFolder folder;
  const auto root = small_root(folder);
  test::ScriptedProcess runner;
  runner.on("setpriv", test::exit_with(0));
  const auto request = test::example_request();
  configure_root(runner, Sandbox::for_user(0), request, find_release(request.image.os), root, {});
  const auto lines = runner.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].ends_with("chroot " + root.string() + " localedef -i fr_FR -c -f UTF-8 fr_FR.UTF-8"));
  EXPECT_TRUE(lines[1].ends_with("setupcon --save-only --force"));
}

TEST(Configure, NamesTheValueThatTheDistributionDoesNotHave) {
  const sys::TempFolder folder;
  const auto root = small_root(folder);
  test::ScriptedProcess runner;
  runner.on("setpriv", test::exit_with(0));
  const auto failure = [&](auto change) {
    auto request = test::example_request();
    change(request);
    try {
      configure_root(runner, Sandbox::for_user(0), request, find_release(request.image.os), root, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::spec);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(failure([](auto& r) { r.image.timezone = "Europe/Asgard"; }),
            "Ubuntu 24.04 has no time zone 'Europe/Asgard'");
  EXPECT_EQ(failure([](auto& r) { r.image.locale = "is_IS.UTF-8"; }),
            "Ubuntu 24.04 has no locale 'is_IS.UTF-8'");
  EXPECT_EQ(failure([](auto& r) { r.image.keyboard = "is"; }), "Ubuntu 24.04 has no keyboard layout 'is'");
}

TEST(Configure, SwitchesOffProfilesOfProgramsThatAreNotThere) {
  const sys::TempFolder folder;
  const auto root = small_root(folder);
  const auto profiles = root / "etc/apparmor.d";
  sys::make_folder(profiles);
  sys::write_durable(profiles / "chrome",
                     "abi <abi/4.0>,\nprofile chrome /opt/google/chrome/chrome flags=(unconfined) {\n}\n");
  sys::write_durable(profiles / "here", "\nprofile here /usr/bin/podman-remote flags=(unconfined) {\n}\n");
  sys::write_durable(profiles / "podman", "\nprofile podman /usr/bin/podman flags=(unconfined) {\n}\n");
  sys::write_durable(profiles / "chkpwd", "\nprofile chkpwd /{,usr/}{,s}bin/unix_chkpwd {\n}\n");
  sys::write_durable(profiles / "lsb_release", "\nprofile lsb_release {\n}\n");
  test::ScriptedProcess runner;
  runner.on("setpriv", test::exit_with(0));
  const auto request = test::example_request();
  configure_root(runner, Sandbox::for_user(0), request, find_release(request.image.os), root, {});
  std::vector<std::string> off;
  for (const auto& entry : fs::directory_iterator(profiles / "disable"))
    off.push_back(entry.path().filename());
  EXPECT_EQ(off, std::vector<std::string>{"chrome"});
  EXPECT_EQ(fs::read_symlink(profiles / "disable/chrome"), "/etc/apparmor.d/chrome");
}

TEST(Seal, LeavesNothingThatTwoMachinesMustNotShare) {
  const sys::TempFolder folder;
  const auto root = folder.path();
  const std::vector<std::string> gone{
      "etc/ssh/ssh_host_rsa_key",    "etc/ssh/ssh_host_rsa_key.pub", "etc/hostname",
      "etc/netplan/50-x.yaml",       "etc/network/interfaces",       "etc/passwd-",
      "var/lib/systemd/random-seed", "var/lib/cloud/instance/x",     "etc/apt/apt.conf.d/99mmdebstrap",
      "var/log/apt/history.log",     "var/lib/dpkg/status-old",      "root/.bash_history"};
  const std::vector<std::string> kept{"etc/ssh/sshd_config", "etc/passwd", "var/lib/dpkg/status",
                                      "var/log/wtmp", "etc/machine-id"};
  for (const auto& all : {gone, kept})
    for (const auto& path : all) {
      sys::make_folder((root / path).parent_path());
      sys::write_durable(root / path, "content");
    }
  sys::make_folder(root / "var/lib/dbus");
  sys::make_folder(root / "usr");
  sys::make_folder(root / "boot");
  fs::create_symlink("initrd.img-1", root / "boot/initrd.img");  // was never made
  fs::create_symlink("vmlinuz-1", root / "boot/vmlinuz.old");
  seal_root(root);
  for (const auto& path : gone) EXPECT_FALSE(fs::exists(root / path)) << path;
  for (const auto& path : kept) EXPECT_TRUE(fs::exists(root / path)) << path;
  EXPECT_EQ(sys::read_file(root / "etc/machine-id"), "");
  EXPECT_EQ(sys::read_file(root / "var/log/wtmp"), "");
  EXPECT_EQ(fs::read_symlink(root / "var/lib/dbus/machine-id"), "/etc/machine-id");
  EXPECT_FALSE(fs::is_symlink(root / "boot/initrd.img"));
  EXPECT_FALSE(fs::is_symlink(root / "boot/vmlinuz.old"));
  struct stat usr {
  }, updated{};
  ASSERT_EQ(::stat((root / "usr").c_str(), &usr), 0);
  ASSERT_EQ(::stat((root / "etc/.updated").c_str(), &updated), 0);
  EXPECT_GT(updated.st_mtim.tv_sec, usr.st_mtim.tv_sec);
}

}  // namespace
}  // namespace hlid::templates
