#include "template/cache.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/fake_clock.h"

namespace hlid::templates {
namespace {

namespace fs = std::filesystem;

const std::string kOne(64, '1'), kTwo(64, '2');

CacheEntry put(Cache& cache, const std::string& key, std::int64_t built_at) {
  const auto made = cache.work_folder(key) / "entry";
  sys::make_folder(made);
  sys::write_durable(made / "disk.qcow2", "disk of " + key);
  return cache.publish(made, {.key = key,
                              .disk = made / "disk.qcow2",
                              .format = "qcow2",
                              .os = "debian-12",
                              .kernel = "6.1",
                              .sha256 = "abc",
                              .file_size = {8 + 64},
                              .virtual_size = gib(4),
                              .built_at = built_at,
                              .package_count = 5});
}

TEST(Cache, GivesBackWhatWasPublished) {
  const sys::TempFolder folder;
  Cache cache(folder.path() / "templates");
  EXPECT_EQ(cache.find(kOne), std::nullopt);
  EXPECT_TRUE(cache.list().empty());
  const auto entry = put(cache, kOne, 100);
  const auto found = cache.find(kOne);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->disk, folder.path() / "templates" / kOne / "disk.qcow2");
  EXPECT_EQ(found->disk, entry.disk);
  EXPECT_EQ(found->virtual_size, gib(4));
  EXPECT_EQ(found->package_count, 5);
  EXPECT_EQ(sys::read_file(found->disk), "disk of " + kOne);
}

TEST(Cache, DoesNotTakeADamagedEntryForOneAndReplacesIt) {
  const sys::TempFolder folder;
  Cache cache(folder.path());
  const auto entry = put(cache, kOne, 100);
  sys::write_durable(entry.disk, "cut");
  EXPECT_EQ(cache.find(kOne), std::nullopt);
  put(cache, kOne, 200);
  EXPECT_EQ(cache.find(kOne)->built_at, 200);
  sys::write_durable(folder.path() / kOne / "meta.json", "{");
  EXPECT_EQ(cache.find(kOne), std::nullopt);
}

TEST(Cache, ListsTheYoungestFirstAndPrunesWhatIsNotKept) {
  const sys::TempFolder folder;
  Cache cache(folder.path());
  put(cache, kOne, 100);
  put(cache, kTwo, 200);
  ASSERT_EQ(cache.list().size(), 2U);
  EXPECT_EQ(cache.list().front().key, kTwo);
  const auto removed = cache.prune({kTwo});
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed.front().key, kOne);
  EXPECT_FALSE(fs::exists(folder.path() / kOne));
  EXPECT_TRUE(cache.find(kTwo).has_value());
}

TEST(Cache, DoesNotPruneWhatABuildHolds) {
  const sys::TempFolder folder;
  Cache cache(folder.path());
  put(cache, kOne, 100);
  test::FakeClock clock;
  const auto lock = cache.lock(kOne, clock, [] { FAIL() << "waited"; }, {});
  EXPECT_TRUE(cache.prune({}).empty());
  EXPECT_TRUE(cache.find(kOne).has_value());
}

TEST(Cache, TellsWhatKilledBuildsLeft) {
  const sys::TempFolder folder;
  const Cache cache(folder.path());
  EXPECT_TRUE(cache.leftovers().empty());
  sys::make_folder(cache.work_folder(kOne));
  sys::make_folder(cache.work_folder(kTwo));
  test::FakeClock clock;
  const auto running = cache.lock(kTwo, clock, [] { FAIL() << "waited"; }, {});
  EXPECT_EQ(cache.leftovers(), std::vector<fs::path>{cache.work_folder(kOne)});
}

TEST(Cache, AWaitingBuildSaysSoOnceAndCanBeInterrupted) {
  const sys::TempFolder folder;
  const Cache cache(folder.path());
  test::FakeClock clock;
  const auto lock = cache.lock(kOne, clock, [] { FAIL() << "waited"; }, {});
  std::stop_source stop;
  stop.request_stop();
  int told = 0;
  EXPECT_THROW(cache.lock(
                   kOne, clock, [&] { ++told; }, stop.get_token()),
               Error);
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace hlid::templates
