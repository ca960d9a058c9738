// Instant machines up to where a QEMU would run: what a clone leaves, what a start decides, what a killed
// daemon's successor finds. (QEMU here is /bin/false: a machine that is to be booted fails to start.)
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include <algorithm>

#include "base/text.h"
#include "node/instant/records.h"
#include "node/instant/shape.h"
#include "node/storage/qcow2.h"
#include "node/vm/machines.h"
#include "support/fake_machines.h"
#include "support/vm_world.h"

namespace hlid::node::vm {
namespace {

using instant::Record;
using instant::Records;
using instant::Stage;
using test::api_error_of;

constexpr Vmid k900{900};
constexpr Vmid k101{101};
const Caller kRoot;
constexpr const char* kMark = "hlid-machine: lab/a\nhlid-instant: on";

struct InstantTest : testing::Test {
  explicit InstantTest(const char* qemu = "/bin/false", sys::ProcessRunner* runner = nullptr) {
    world.facts.qemu_binary = qemu;
    if (runner != nullptr) {
      world.close();
      world.qemu_runner = runner;
      world.open();
    }
    world.facts.qemu_version = "7.2.22";
    EXPECT_EQ(end(machines().create(kRoot, k900,
                                    {{"virtio0", "local:1"},
                                     {"ostype", "l26"},
                                     {"agent", "enabled=1"},
                                     {"memory", "2048"},
                                     {"net0", "virtio,bridge=vmbr0"}})),
              "OK");
    EXPECT_EQ(end(machines().make_template(kRoot, k900, {})), "OK");
  }
  Machines& machines() { return *world.machines; }
  std::string end(const wire::Upid& upid) { return world.end_of(upid); }
  std::string clone(const Params& more = {{"description", kMark}}) {
    Params params{{"newid", "101"}, {"name", "a"}, {"full", "1"}};
    for (const auto& [key, value] : more) params[key] = value;
    return end(machines().clone(kRoot, k900, params));
  }
  std::optional<Record> record() const { return Records(world.folder.path() / "etc/instant").find(k101); }
  void put(Record changed) const { Records(world.folder.path() / "etc/instant").write(k101, changed); }
  std::filesystem::path disk() const { return world.folder.path() / "local/images/101/vm-101-disk-0.qcow2"; }
  std::filesystem::path base() const { return world.folder.path() / "local/images/900/base-900-disk-0.raw"; }
  std::string start_log() {
    const auto upid = machines().start(kRoot, k101, {});
    end(upid);
    return world.log_of(upid);
  }
  void make_resumable() {
    EXPECT_EQ(
        api_error_of([&] {
          machines().set_config(
              kRoot, k101,
              {{"ide2", "local:cloudinit"},
               {"ciuser", "odin"},
               {"ciupgrade", "0"},
               {"sshkeys",
                "ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIEhsaWRXYXJtQ29weUtleVRoYXROb2JvZHlIYXNBdEFsbDA%20a"},
               {"ipconfig0", "ip=10.0.0.5/24,gw=10.0.0.1"}});
        }),
        "");
  }

  test::VmWorld world;
};

TEST_F(InstantTest, AMarkedCloneHasADiskOfItsOwnNameOverTheTemplates) {
  ASSERT_EQ(clone(), "OK");
  EXPECT_EQ(world.value(k101, "virtio0"), "local:101/vm-101-disk-0.qcow2,size=1G");
  EXPECT_EQ(storage::read_qcow2_header(disk())->backing_file, base().string());
  EXPECT_EQ(record(), (Record{Stage::fresh, "local:101/vm-101-disk-0.qcow2", base().string(), "raw", true}));
}

TEST_F(InstantTest, TheSettingAndTheMarkDecide) {
  EXPECT_EQ(machines().instant_setting(), "marked");
  const auto is_instant = [&](const Params& params) {
    EXPECT_EQ(clone(params), "OK");
    const bool is = record().has_value();
    EXPECT_EQ(end(machines().remove(kRoot, k101, {})), "OK");
    return is;
  };
  EXPECT_FALSE(is_instant({}));
  EXPECT_FALSE(is_instant({{"description", "hlid-instant: off"}}));
  EXPECT_FALSE(is_instant({{"description", kMark}, {"format", "raw"}}))
      << "a format that was asked for is made";
  machines().set_instant_setting("all");
  EXPECT_TRUE(is_instant({}));
  EXPECT_FALSE(is_instant({{"description", "hlid-instant: off"}}));
  world.restart();
  EXPECT_EQ(machines().instant_setting(), "all") << "it is kept";
  machines().set_instant_setting("off");
  EXPECT_FALSE(is_instant({{"description", kMark}}));
  EXPECT_TRUE(contains(api_error_of([&] { machines().set_instant_setting("maybe"); }), "400"));
}

TEST_F(InstantTest, ALinkedCloneKeepsItsName) {
  ASSERT_EQ(clone({{"full", "0"}, {"description", kMark}}), "OK");
  EXPECT_EQ(world.value(k101, "virtio0"), "local:900/base-900-disk-0.raw/101/vm-101-disk-0.qcow2,size=1G");
  EXPECT_FALSE(record()->full);
}

TEST_F(InstantTest, TheTemplateStaysAsLongAsItIsRead) {
  ASSERT_EQ(clone(), "OK");
  EXPECT_TRUE(contains(end(machines().remove(kRoot, k900, {})), "still in use by linked cloned"));
  EXPECT_EQ(end(machines().remove(kRoot, k101, {})), "OK");
  EXPECT_FALSE(record().has_value());
  EXPECT_EQ(end(machines().remove(kRoot, k900, {})), "OK");
}

TEST_F(InstantTest, TheNextDaemonFindsNoLostVolumes) {
  ASSERT_EQ(clone(), "OK");
  const auto before = world.config_text(k101);
  world.restart();
  machines().adopt();
  EXPECT_EQ(world.config_text(k101), before);
  EXPECT_TRUE(record().has_value());
}

TEST_F(InstantTest, WhatCannotBeResumedIsBootedAndTheLogSaysWhy) {
  ASSERT_EQ(clone(), "OK");
  const auto log = start_log();
  EXPECT_TRUE(contains(log, "cannot be resumed: it has no cloud-init drive; booting")) << log;
  EXPECT_EQ(record()->stage, Stage::settled) << "its disk is still to be filled";
}

TEST_F(InstantTest, WithoutAWarmCopyItBoots) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  const auto log = start_log();
  EXPECT_TRUE(contains(log, "no warm copy of the template for 1 vCPUs yet")) << log;
  EXPECT_TRUE(contains(log, "cannot be resumed: ")) << log;
  EXPECT_EQ(record()->stage, Stage::settled);
  EXPECT_EQ(storage::read_qcow2_header(disk())->backing_file, base().string());
}

TEST_F(InstantTest, AStartThatWasCutOffBeforeTheIdentityBeginsWithAFreshDisk) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  ASSERT_EQ(end(machines().resize(kRoot, k101, {{"disk", "virtio0"}, {"size", "3G"}})), "OK");
  auto cut_off = *record();
  cut_off.stage = Stage::resuming;
  put(cut_off);
  std::filesystem::remove(disk());
  storage::create_qcow2(disk(), gib(1), "/nowhere/warm/disk.qcow2", "qcow2");
  EXPECT_TRUE(contains(start_log(), "the last start was cut off (resuming): booting"));
  EXPECT_EQ(storage::read_qcow2_header(disk())->backing_file, base().string());
  EXPECT_EQ(storage::read_qcow2_header(disk())->size, gib(3));
  EXPECT_EQ(record()->stage, Stage::settled);
}

TEST_F(InstantTest, AStartThatWasCutOffOncePeopleWereInKeepsTheDisk) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  for (const auto stage : {Stage::serving, Stage::growing}) {
    auto cut_off = *record();
    cut_off.stage = stage;
    put(cut_off);
    std::filesystem::remove(disk());
    storage::create_qcow2(disk(), gib(2), base().string(), "raw");
    start_log();
    EXPECT_EQ(storage::read_qcow2_header(disk())->size, gib(2));
    EXPECT_EQ(record()->stage, Stage::settled);
  }
}

TEST_F(InstantTest, AMachineThatEndedBeforeItHadItsMemoryIsLikeAnyOther) {
  ASSERT_EQ(clone(), "OK");
  auto growing = *record();
  growing.stage = Stage::growing;
  put(growing);
  EXPECT_FALSE(contains(start_log(), "cut off"));
  EXPECT_EQ(record()->stage, Stage::settled);
}

/// With a QEMU that takes part as long as the test wants.
struct FakesBefore {
  test::FakeMachines qemu;
};
struct ResumeTest : FakesBefore, InstantTest {
  ResumeTest() : InstantTest("/qemu", &qemu) {}
  ~ResumeTest() override { world.close(); }
  static std::size_t place(const std::vector<std::string>& log, const std::string& what) {
    return static_cast<std::size_t>(std::find(log.begin(), log.end(), what) - log.begin());
  }
};

TEST_F(ResumeTest, AMachineGetsTheWordOnlyWhenItsStateIsLoadedAndServesWhenItIsItself) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  const auto text = start_log();
  EXPECT_TRUE(contains(text, "is itself")) << text;
  ASSERT_EQ(qemu.count(), 2U) << text;
  const auto log = qemu.log(1);
  EXPECT_LT(place(log, "state STATE"), place(log, "cont"));
  EXPECT_LT(place(log, "cont"), place(log, "guest-file-write"));
  EXPECT_LT(place(log, "guest-file-write"), place(log, "hlid-guest open"));
  EXPECT_LT(place(log, "hlid-guest open"), place(log, "hlid-guest serve"));
  EXPECT_LT(place(log, "hlid-guest serve"), log.size());
  EXPECT_TRUE(contains(storage::read_qcow2_header(disk())->backing_file, "/warm/"));
  EXPECT_EQ(record()->stage, Stage::growing) << "its memory comes later";
}

TEST_F(ResumeTest, OneThatCannotTakeItsIdentityBootsFromAFreshDisk) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  qemu.become_status = 1;
  const auto text = start_log();
  EXPECT_TRUE(contains(text, "could not take its identity")) << text;
  ASSERT_EQ(qemu.count(), 3U) << text;
  EXPECT_EQ(storage::read_qcow2_header(disk())->backing_file, base().string());
  EXPECT_EQ(record()->stage, Stage::settled);
}

TEST_F(ResumeTest, OneThatDoesNotServeBootsFromItsOwnDisk) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  qemu.serve_status = 1;
  const auto text = start_log();
  EXPECT_TRUE(contains(text, "could not start its services")) << text;
  ASSERT_EQ(qemu.count(), 3U) << text;
  EXPECT_TRUE(contains(storage::read_qcow2_header(disk())->backing_file, "/warm/"));
  EXPECT_EQ(record()->stage, Stage::settled);
}

TEST_F(ResumeTest, TheNextDaemonEndsOneThatWasNotItselfYet) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  start_log();
  auto half = *record();
  half.stage = Stage::resuming;
  put(half);
  world.restart();
  machines().adopt();
  EXPECT_EQ(get_string(machines().list_row(k101), "status"), "stopped");
}

TEST_F(ResumeTest, TheNextDaemonCompletesOneThatPeopleCanBeIn) {
  ASSERT_EQ(clone(), "OK");
  make_resumable();
  start_log();
  auto half = *record();
  half.stage = Stage::serving;
  put(half);
  world.restart();
  machines().adopt();
  EXPECT_EQ(get_string(machines().list_row(k101), "status"), "running");
  for (int i = 0; i < 1000 && record()->stage != Stage::settled; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the daemon's upkeep
  const auto log = qemu.log(1);
  EXPECT_EQ(std::count(log.begin(), log.end(), "hlid-guest serve"), 2);
  EXPECT_EQ(record()->stage, Stage::settled);
}

TEST_F(InstantTest, HostKeysAreOnTheCloudInitDriveOfEveryStart) {
  ASSERT_EQ(clone(), "OK");
  const auto keys = Records(world.folder.path() / "etc/instant").host_keys(k101);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(std::filesystem::status(world.folder.path() / "etc/instant/101.keys").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace
}  // namespace hlid::node::vm
