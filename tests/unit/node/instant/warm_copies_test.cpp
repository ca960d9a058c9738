#include "node/instant/warm_copies.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "node/storage/qcow2.h"
#include "support/fake_clock.h"
#include "support/warm_world.h"
#include "sys/files.h"

namespace hlid::node::instant {
namespace {

namespace fs = std::filesystem;

struct WarmCopiesTest : testing::Test {
  WarmCopiesTest() {
    facts.qemu_binary = "/qemu";
    facts.qemu_version = "7.2.22";
    fs::create_directories(folder.path() / "run");
    base = folder.path() / "base.raw";
    sys::write_durable(base, std::string(1 << 20, 'x'));
    processes.on([](const sys::Command& command) { return command.argv[0] == "/qemu"; },
                 [this](const sys::Command& command) {
                   qemus.push_back(std::make_unique<test::FakeQemu>(command, guest_version));
                   qemus.back()->shell_status = quiet_status;
                   return test::exit_with(qemu_status, "", "no such device");
                 });
  }

  WarmCopies::Options options() const { return {folder.path() / "warm", folder.path() / "run"}; }
  Recipe recipe(const std::string& more = {}) const {
    Recipe out;
    out.values =
        warm_values(config::parse_vm_config(
                        "agent: 1\nciuser: odin\nciupgrade: 0\nide2: local:1/vm-1-cloudinit.raw,media=cdrom\n"
                        "net0: virtio=BC:24:11:00:00:05,bridge=vmbr0\nostype: l26\nserial0: socket\n"
                        "sshkeys: a\nvirtio0: local:1/vm-1-disk-0.qcow2\nmemory: 2048\n" +
                        more)
                        .main);
    out.base = look_at_base(base.string(), "raw");
    out.size = size;
    out.seed = {{"user-data", "#cloud-config\n"}, {"meta-data", ""}};
    out.key = warm_key(out.values, facts, out.base, out.seed);
    return out;
  }
  Log log() {
    return [this](const std::string& line) { lines.push_back(line); };
  }

  sys::TempFolder folder{"warm"};
  fs::path base;
  qemu::HostFacts facts;
  test::FakeClock clock;
  test::ScriptedProcess processes;
  std::vector<std::unique_ptr<test::FakeQemu>> qemus;
  std::string guest_version = "4\n";
  int qemu_status = 0;
  int quiet_status = 0;  ///< how the script that makes a copy quiet ends
  Bytes size = gib(1);
  std::vector<std::string> lines;
};

TEST_F(WarmCopiesTest, AreMadeOnceAndThenThere) {
  WarmCopies copies(options(), facts, processes, clock);
  EXPECT_FALSE(copies.find(recipe().key, gib(1)).has_value());
  const auto copy = copies.obtain(recipe(), log(), {});
  EXPECT_EQ(sys::read_file(copy.memory()), "MEMORY");
  EXPECT_EQ(sys::read_file(copy.state()), "STATE");
  EXPECT_EQ(storage::read_qcow2_header(copy.disk())->backing_file, base.string());
  EXPECT_EQ(copies.obtain(recipe(), log(), {}).folder, copy.folder);
  EXPECT_EQ(qemus.size(), 1U);
  EXPECT_TRUE(fs::is_empty(folder.path() / "run"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() / "warm"), fs::directory_iterator()), 1);
}

TEST_F(WarmCopiesTest, AreQuietAndWithoutACardWhenTheirStateIsKept) {
  WarmCopies copies(options(), facts, processes, clock);
  copies.obtain(recipe(), log(), {});
  EXPECT_EQ(qemus.at(0)->log(),
            (std::vector<std::string>{"hlid-guest version", "cloud-init status", "device_del", "netdev_del",
                                      "hlid-guest await", "sh -c", "migrate-set-capabilities", "stop",
                                      "migrate", "quit"}));
}

TEST_F(WarmCopiesTest, SayWhatWaitsInThemForTheWord) {
  WarmCopies copies(options(), facts, processes, clock);
  const auto copy = copies.obtain(recipe(), log(), {});
  EXPECT_EQ(copy.waiting(), test::FakeQemu::kWaitingPid);
  sys::write_durable(copy.meta(), "{}");
  EXPECT_THROW(copy.waiting(), Error);
}

TEST_F(WarmCopiesTest, OneThatDoesNotGetQuietIsNotKept) {
  WarmCopies copies(options(), facts, processes, clock);
  quiet_status = 1;
  EXPECT_THROW(copies.obtain(recipe(), log(), {}), Error);
  EXPECT_TRUE(fs::is_empty(folder.path() / "warm"));
}

TEST_F(WarmCopiesTest, NothingHalfIsLeftWhenQemuDoesNotStart) {
  WarmCopies copies(options(), facts, processes, clock);
  qemu_status = 1;
  EXPECT_THROW(copies.obtain(recipe(), log(), {}), Error);
  EXPECT_TRUE(fs::is_empty(folder.path() / "warm"));
  EXPECT_TRUE(fs::is_empty(folder.path() / "run"));
  qemu_status = 0;
  EXPECT_NO_THROW(copies.obtain(recipe(), log(), {}));
}

TEST_F(WarmCopiesTest, ATemplateWithoutTheGuestProgramIsTriedOnce) {
  WarmCopies copies(options(), facts, processes, clock);
  guest_version = "";
  for (int i = 0; i < 2; ++i) {
    try {
      copies.obtain(recipe(), log(), {});
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      EXPECT_TRUE(contains(error.what(), "hlid-guest")) << error.what();
    }
  }
  EXPECT_EQ(qemus.size(), 1U);
}

TEST_F(WarmCopiesTest, ThoseWhoWantTheSameWaitForIt) {
  WarmCopies copies(options(), facts, processes, clock);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] { copies.obtain(recipe(), [](const std::string&) {}, {}); });
  threads.clear();
  EXPECT_EQ(qemus.size(), 1U);
}

TEST_F(WarmCopiesTest, ARequestToStopEndsThePreparation) {
  WarmCopies copies(options(), facts, processes, clock);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(copies.obtain(recipe(), log(), stop.get_token()), Error);
  EXPECT_TRUE(fs::is_empty(folder.path() / "warm"));
}

TEST_F(WarmCopiesTest, WhatAKilledDaemonLeftIsRemoved) {
  fs::create_directories(folder.path() / "warm" / "abc.new");
  fs::create_directories(folder.path() / "run" / "warm-abc");
  const WarmCopies copies(options(), facts, processes, clock);
  EXPECT_TRUE(fs::is_empty(folder.path() / "warm"));
  EXPECT_TRUE(fs::is_empty(folder.path() / "run"));
}

TEST_F(WarmCopiesTest, ASmallerDiskWillDoALargerWillNot) {
  WarmCopies copies(options(), facts, processes, clock);
  EXPECT_EQ(copies.obtain(recipe(), log(), {}).size, gib(1));
  size = gib(3);
  EXPECT_EQ(copies.obtain(recipe(), log(), {}).size, gib(1));
  size = mib(512);
  EXPECT_EQ(copies.obtain(recipe(), log(), {}).size, mib(512));
  EXPECT_EQ(storage::read_qcow2_header(copies.find(recipe().key, size)->disk())->size, mib(512));
  EXPECT_EQ(copies.find(recipe().key, gib(9))->size, gib(1));
}

TEST_F(WarmCopiesTest, GoWhenTheirTemplateChangedAndNoMachineReadsThem) {
  WarmCopies copies(options(), facts, processes, clock);
  const auto one = copies.obtain(recipe(), log(), {});
  const auto other = copies.obtain(recipe("cores: 3\n"), log(), {});
  const auto is_other = [&](const WarmCopy& copy) { return copy.folder == other.folder; };
  copies.prune(is_other);
  EXPECT_TRUE(fs::exists(one.folder)) << "the template is as it was";
  sys::write_durable(base, std::string(2 << 20, 'y'));
  copies.prune(is_other);
  EXPECT_FALSE(fs::exists(one.folder));
  EXPECT_TRUE(fs::exists(other.disk()));
  facts.qemu_version = "8.0.0";
  fs::remove(base);
  copies.prune([](const WarmCopy&) { return false; });
  EXPECT_FALSE(fs::exists(other.folder));
}

}  // namespace
}  // namespace hlid::node::instant
