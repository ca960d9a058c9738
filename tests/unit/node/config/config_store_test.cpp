#include "node/config/config_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "sys/files.h"
#include "sys/hash.h"
#include "wire/api_error.h"

namespace hlid::node::config {
namespace {

constexpr Vmid k100{100};

struct ConfigStoreTest : testing::Test {
  sys::TempFolder temp;
  std::filesystem::path folder = temp.path() / "qemu-server";
  ConfigStore store{{folder, "asgard", std::chrono::milliseconds(20)}};

  VmConfig named(const std::string& name) {
    VmConfig config;
    config.main.set("name", name);
    return config;
  }
  void by_hand(const std::string& file, const std::string& text) { std::ofstream(folder / file) << text; }
};

TEST_F(ConfigStoreTest, CreatesReadsAndRemoves) {
  auto lock = store.lock(k100);
  const auto made = store.create(lock, named("a"));
  EXPECT_EQ(made->config.get("name"), "a");
  EXPECT_EQ(made->digest, sys::sha1_hex("name: a\n"));
  EXPECT_EQ(store.require(k100)->digest, made->digest);
  EXPECT_EQ(store.all().size(), 1U);
  store.remove(lock);
  EXPECT_EQ(store.find(k100), nullptr);
}

TEST_F(ConfigStoreTest, MissingMachineSaysItAsProxmoxDoes) {
  try {
    store.require(k100);
    FAIL();
  } catch (const wire::ApiError& error) {
    EXPECT_EQ(error.status(), 500);
    EXPECT_EQ(error.reason(), "Configuration file 'nodes/asgard/qemu-server/100.conf' does not exist");
  }
}

TEST_F(ConfigStoreTest, SecondCreateFails) {
  auto lock = store.lock(k100);
  store.create(lock, named("a"));
  EXPECT_THROW(store.create(lock, named("b")), wire::ApiError);
  EXPECT_EQ(store.require(k100)->config.get("name"), "a");
}

TEST_F(ConfigStoreTest, SeesHandEdits) {
  by_hand("101.conf", "name: by-hand\n");
  ASSERT_NE(store.find(Vmid{101}), nullptr);
  EXPECT_EQ(store.find(Vmid{101})->config.get("name"), "by-hand");
  const auto before = store.generation();
  by_hand("101.conf", "name: changed\n");
  EXPECT_EQ(store.find(Vmid{101})->config.get("name"), "changed");
  EXPECT_GT(store.generation(), before);
  std::filesystem::remove(folder / "101.conf");
  EXPECT_EQ(store.find(Vmid{101}), nullptr);
}

TEST_F(ConfigStoreTest, NothingChangedKeepsTheGenerationAndTheObject) {
  by_hand("101.conf", "name: x\n");
  const auto first = store.find(Vmid{101});
  const auto generation = store.generation();
  EXPECT_EQ(store.find(Vmid{101}), first);
  EXPECT_EQ(store.generation(), generation);
}

TEST_F(ConfigStoreTest, OtherFilesAreNoMachines) {
  by_hand("notes.txt", "x");
  by_hand("99.conf", "name: too-small\n");
  by_hand(".100.conf.tmp", "name: half\n");
  EXPECT_TRUE(store.all().empty());
}

TEST_F(ConfigStoreTest, FindsWhatAnEarlierRunWrote) {
  store.create(store.lock(k100), named("kept"));
  const ConfigStore second({folder, "asgard"});
  EXPECT_EQ(second.require(k100)->config.get("name"), "kept");
}

TEST_F(ConfigStoreTest, ALockedMachineTimesOutWithProxmoxsText) {
  const auto held = store.lock(k100);
  bool waited = false;
  try {
    const auto second = store.lock(k100, {}, [&waited] { waited = true; });
    FAIL();
  } catch (const wire::ApiError& error) {
    EXPECT_EQ(error.reason(), "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout");
  }
  EXPECT_TRUE(waited);
  EXPECT_TRUE(store.lock(Vmid{101}));  // another machine is free
}

TEST_F(ConfigStoreTest, AWaiterGetsTheLockWhenItIsFreed) {
  auto held = store.lock(k100);
  std::jthread freer([&held] { held.release(); });
  EXPECT_TRUE(store.lock(k100, std::chrono::seconds(30)));
}

TEST_F(ConfigStoreTest, ReadersShareAndExcludeWriters) {
  auto first = store.lock_shared(k100);
  auto second = store.lock_shared(k100);
  EXPECT_THROW(store.lock(k100), wire::ApiError);
  first.release();
  EXPECT_THROW(store.lock(k100), wire::ApiError);
  second.release();
  const auto writer = store.lock(k100);
  EXPECT_THROW(store.lock_shared(k100), wire::ApiError);
}

TEST_F(ConfigStoreTest, AStopEndsTheWait) {
  const auto held = store.lock(k100);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(store.lock(k100, std::chrono::seconds(30), stop.get_token()), Error);
}

}  // namespace
}  // namespace hlid::node::config
