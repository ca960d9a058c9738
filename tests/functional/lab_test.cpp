// The lab itself: what it must find, it finds, and what it starts does not outlive it.
#include "support/lab.h"

#include <gtest/gtest.h>

#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::test {
namespace {

TEST(Lab, FindsAProcessByItsHomeAndEndsIt) {
  Lab lab("self");
  EXPECT_EQ(lab.leftovers(), std::vector<std::string>{});
  const sys::ProcessId left = sys::spawn_detached({"sleep", "300"}, {}, {{"HLID_HOME", lab.home().string()}});
  // A moment passes until it is that program and has that environment.
  for (int tries = 0; tries < 500 && lab.processes_named("sleep").empty(); ++tries)
    sys::SystemClock().sleep(std::chrono::milliseconds(10));
  ASSERT_EQ(lab.leftovers().size(), 1U);
  EXPECT_NE(lab.leftovers().front().find("sleep 300"), std::string::npos);
  EXPECT_EQ(lab.processes_named("sleep").size(), 1U);
  lab.kill_all();
  EXPECT_FALSE(sys::is_alive(left));
  EXPECT_EQ(lab.leftovers(), std::vector<std::string>{});
}

TEST(Lab, FindsConfigurationsDisksAndHeldLocks) {
  Lab lab("self");
  const auto node = lab.node_folder();
  sys::make_folder(node / "etc/qemu-server");
  sys::make_folder(node / "images/101");
  sys::make_folder(lab.home() / "labs/demo");
  sys::write_durable(node / "etc/qemu-server/101.conf", "cores: 1\n");
  sys::write_durable(node / "images/101/vm-101-disk-0.raw", "x");
  EXPECT_EQ(lab.machine_leftovers().size(), 2U);
  const auto held = sys::FileLock::try_lock(lab.home() / "labs/demo/lock");
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(lab.leftovers().size(), 3U);
}

TEST(Lab, FindsAPlantedWordInAFile) {
  Lab lab("self");
  sys::write_durable(lab.home() / "log", "so the word draupnir is here");
  EXPECT_EQ(lab.where("draupnir").size(), 1U);
  EXPECT_TRUE(lab.where("skidbladnir").empty());
}

TEST(Lab, EndsWhatAKilledTestLeft) {
  std::string orphan = "/tmp/hl-orphan.XXXXXX";
  ASSERT_NE(::mkdtemp(orphan.data()), nullptr);
  const auto left = sys::spawn_detached({"sleep", "300"}, {}, {{"HLID_HOME", orphan + "/h"}});
  sys::write_durable(orphan + "/owner", std::to_string(left.pid) + " 1");  // such a process never was
  const Lab next("self");
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_FALSE(sys::is_alive(left));
}

TEST(Lab, LeavesNothingWhenItGoes) {
  std::filesystem::path home;
  sys::ProcessId left;
  {
    Lab lab("self");
    home = lab.home();
    left = sys::spawn_detached({"sleep", "300"}, {}, {{"HLID_HOME", home.string()}});
  }
  EXPECT_FALSE(std::filesystem::exists(home));
  EXPECT_FALSE(sys::is_alive(left));
}

}  // namespace
}  // namespace hlid::test
