#include "image/filesystem.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "image/bytes.h"
#include "image/grub.h"
#include "support/scripted_process.h"
#include "sys/files.h"

namespace hlid::image {
namespace {

const Uuid kRoot{"8d0c5b9e-26d7-4b4e-9a69-5ab1a1b0c9d2"};

std::filesystem::path empty_image(const sys::TempFolder& folder, Bytes size) {
  auto path = folder.path() / "disk.raw";
  sys::write_durable(path, "");
  std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size.count));
  return path;
}

TEST(Ext4, HoldsAFolderAndIsReadWithoutMounting) {
  const sys::TempFolder folder;
  const auto tree = folder.path() / "tree";
  sys::make_folder(tree / "etc/ssh");
  sys::write_durable(tree / "etc/ssh/sshd_config", "Port 2222\n", 0600);
  sys::write_durable(tree / "etc/machine-id", "");
  std::filesystem::create_symlink("../run/stub", tree / "etc/resolv.conf");
  std::filesystem::create_symlink("/etc/ssh/sshd_config", tree / "etc/config");
  const Region region{empty_image(folder, mib(24)), mib(4), mib(16)};
  sys::PosixProcessRunner runner;
  make_ext4(runner, {}, region, "root", kRoot, tree, folder.path());

  const Ext4Reader reader(runner, region);
  EXPECT_EQ(reader.read("/etc/ssh/sshd_config"), "Port 2222\n");
  EXPECT_EQ(reader.read("/etc/config"), "Port 2222\n");
  EXPECT_EQ(reader.read("/etc/machine-id"), "");
  EXPECT_EQ(reader.read("/etc/absent"), std::nullopt);
  EXPECT_EQ(reader.read("/etc/resolv.conf"), std::nullopt);
  EXPECT_EQ(reader.link_target("/etc/resolv.conf"), "../run/stub");
  EXPECT_EQ(reader.link_target("/etc/machine-id"), std::nullopt);
  EXPECT_EQ(reader.list("/absent"), std::nullopt);
  const auto entries = reader.list("/etc/ssh");
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().mode, static_cast<unsigned>(S_IFREG | 0600));
  EXPECT_EQ(entries->front().size, 10);
  EXPECT_TRUE(reader.entry("/etc/ssh")->is_folder());
  EXPECT_THROW(reader.list("/etc/\"x"), Error);
}

TEST(Fat, HoldsFilesInFolders) {
  const sys::TempFolder folder;
  const Region region{empty_image(folder, mib(72)), mib(2), mib(64)};
  sys::write_durable(folder.path() / "boot.efi", "MZ");
  sys::PosixProcessRunner runner;
  make_fat(runner, region, "ESP", {{"EFI/BOOT/BOOTX64.EFI", folder.path() / "boot.efi"}});
  EXPECT_EQ(list_fat(runner, region), std::vector<std::string>{"EFI/BOOT/BOOTX64.EFI"});
}

TEST(Ext4Reader, SaysWhatDebugfsSaysWhenTheImageIsBroken) {
  test::ScriptedProcess runner;
  runner.on("debugfs", test::exit_with(0, "", "debugfs 1.47.0 (5-Feb-2023)\ndisk.raw: Bad magic number\n"));
  const Ext4Reader reader(runner, {"disk.raw", mib(1), mib(1)});
  try {
    reader.list("/etc");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.what(), "Bad magic number")) << error.what();
  }
}

TEST(Grub, PatchesWhereItsCoreLies) {
  const auto boot = patched_boot_sector(std::string(512, 'b'), std::string(512, 'o'), 2048);
  EXPECT_EQ(get_le(boot, 0x5c, 8), 2048U);
  EXPECT_EQ(get_le(boot, 0x66, 2), 0x9090U);
  EXPECT_EQ(boot.substr(440), std::string(72, 'o'));  // the partition table stays
  const auto core = patched_core(std::string(1500, 'c'), 2048);
  EXPECT_EQ(core.size(), 1536U);
  EXPECT_EQ(get_le(core, 500, 8), 2049U);
  EXPECT_EQ(get_le(core, 508, 2), 2U);
  EXPECT_EQ(get_le(core, 510, 2), 0x820U);
  EXPECT_THROW(patched_boot_sector(std::string(511, 'b'), std::string(512, 'o'), 1), Error);
}

TEST(Grub, SaysWhichPackageIsMissing) {
  const sys::TempFolder folder;
  test::ScriptedProcess runner;
  try {
    make_grub_efi(runner, {folder.path()}, folder.path() / "x.efi", kRoot, folder.path());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.hint(), "grub-efi-amd64-bin"));
  }
}

}  // namespace
}  // namespace hlid::image
