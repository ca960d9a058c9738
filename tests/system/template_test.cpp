// Real templates from the package archive, kept in the cache that all system tests share, and booted with
// nothing between them and QEMU.
#include <gtest/gtest.h>

#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "booted_image.h"
#include "image/qemu_img.h"
#include "support/lab.h"
#include "template/builder.h"

namespace hlid::templates {
namespace {

struct Case {
  const char* os;
  test::Firmware firmware;
};

std::string name_of(const testing::TestParamInfo<Case>& given) {
  return replace_all(replace_all(given.param.os, "-", "_"), ".", "_") +
         (given.param.firmware == test::Firmware::uefi ? "_uefi" : "_bios");
}

std::filesystem::path cache_folder() {
  return test::test_cache() / "templates";
}

/// The reference homelab's, so that the main job finds it.
BuildRequest request_for(const std::string& os) {
  return {.image = {.name = "pkr-" + os,
                    .vmid = {90001},
                    .os = os,
                    .locale = "fr_FR.UTF-8",
                    .keyboard = "fr",
                    .timezone = "Europe/Paris",
                    .packages = {"vim", "zip", "unzip"}},
          .access = {.user = "odin", .ssh_port = 2222}};
}

/// Phases, without the hundreds of lines that only count packages.
void show(const std::string& text) {
  if (!contains(text, " packages ")) std::cout << "  " << text << std::endl;
}

Built build(const std::string& os) {
  static sys::PosixProcessRunner runner;
  return Builder(runner, cache_folder()).build(request_for(os), show);
}

class Template : public testing::TestWithParam<Case> {};

TEST_P(Template, IsBuiltOnceAndThenFound) {
  const auto built = build(GetParam().os);
  sys::PosixProcessRunner runner;
  const auto info = image::QemuImg(runner).info(built.disk);
  EXPECT_EQ(info.format, "qcow2");
  EXPECT_EQ(info.virtual_size, gib(4));
  EXPECT_EQ(info.backing_file, "");

  Builder builder(runner, cache_folder());
  const auto again =
      builder.build(request_for(GetParam().os), [](const std::string& text) { FAIL() << text; });
  EXPECT_TRUE(again.from_cache);
  EXPECT_EQ(again.disk, built.disk);
}

TEST_P(Template, BootsAndIsWhatItPromises) {
  if (GetParam().firmware == test::Firmware::uefi && !test::has_uefi())
    GTEST_SKIP() << "no OVMF on this host";
  test::BootedImage machine(build(GetParam().os).disk, GetParam().firmware);
  ASSERT_TRUE(machine.wait_for_agent(std::chrono::minutes(12))) << machine.console();
  EXPECT_EQ(trim(machine.run("cloud-init status --wait | grep -o 'status: .*'")), "status: done");

  EXPECT_EQ(trim(machine.run("[ -d /sys/firmware/efi ] && echo uefi || echo bios")),
            GetParam().firmware == test::Firmware::uefi ? "uefi" : "bios");
  EXPECT_EQ(trim(machine.run("cat /etc/machine-id")), "5f1c0a2e7a8e4a869d6c6b2c9a1f0d11");
  EXPECT_EQ(trim(machine.run("hostname")), "gullinbursti");
  EXPECT_EQ(trim(machine.run("sudo -u odin sudo -n id -un")), "root");
  EXPECT_EQ(trim(machine.run("grep -c ssh-ed25519 /home/odin/.ssh/authorized_keys")), "1");
  EXPECT_EQ(trim(machine.run("passwd -S odin | cut -d' ' -f2")), "L");
  EXPECT_EQ(trim(machine.run("ss -Hltn | awk '{print $4}' | sed 's/.*://' | grep -xE '22|2222' | sort -u")),
            "2222");
  EXPECT_EQ(trim(machine.run("sshd -T | grep -E '^(passwordauthentication|permitrootlogin) ' | sort")),
            "passwordauthentication no\npermitrootlogin no");
  EXPECT_EQ(trim(machine.run("ip -4 -br addr show eth0 | awk '{print $3}'")), "10.0.2.15/24");
  EXPECT_TRUE(contains(machine.run("resolvectl dns eth0"), "10.0.2.3"));
  EXPECT_EQ(trim(machine.run("cat /etc/timezone; . /etc/default/locale; echo $LANG")),
            "Europe/Paris\nfr_FR.UTF-8");
  EXPECT_EQ(trim(machine.run("swapon --noheadings | wc -l")), "0");
  EXPECT_GE(std::stoll(machine.run("df --output=size -BM / | tail -1")), 7000);
  EXPECT_EQ(trim(machine.run("systemctl --failed --no-legend --plain")), "");
}

INSTANTIATE_TEST_SUITE_P(Releases, Template,
                         testing::Values(Case{"ubuntu-24.04", test::Firmware::bios},
                                         Case{"ubuntu-24.04", test::Firmware::uefi},
                                         Case{"debian-12", test::Firmware::bios},
                                         Case{"debian-13", test::Firmware::uefi}),
                         name_of);

}  // namespace
}  // namespace hlid::templates
