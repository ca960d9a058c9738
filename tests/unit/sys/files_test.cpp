#include "sys/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "sys/unix_socket.h"

namespace hlid::sys {
namespace {

TEST(Files, DurableWriteReplacesWithTheModeAndLeavesNothingBeside) {
  const TempFolder folder;
  const auto path = folder.path() / "secret";
  write_durable(path, "one", 0600);
  write_durable(path, "two", 0600);
  EXPECT_EQ(read_file(path), "two");
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator{}), 1);
}

TEST(Files, AFailedWriteKeepsTheOldContent) {
  const TempFolder folder;
  const auto path = folder.path() / "is-a-folder";
  make_folder(path / "inside");
  EXPECT_THROW(write_durable(path, "x"), Error);
  EXPECT_TRUE(fs::exists(path / "inside"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator{}), 1);
}

TEST(Files, AFinishedFileTakesAnothersPlace) {
  const TempFolder folder;
  write_durable(folder.path() / "old", "old");
  write_durable(folder.path() / "made", "new");
  move_durable(folder.path() / "made", folder.path() / "old");
  EXPECT_EQ(read_file(folder.path() / "old"), "new");
  EXPECT_FALSE(fs::exists(folder.path() / "made"));
  EXPECT_THROW(move_durable(folder.path() / "made", folder.path() / "old"), Error);
  EXPECT_EQ(read_file(folder.path() / "old"), "new");
}

TEST(Files, AbsenceIsNotFoundOrNullopt) {
  const TempFolder folder;
  EXPECT_EQ(read_file_if_exists(folder.path() / "no"), std::nullopt);
  try {
    read_file(folder.path() / "no");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
  }
}

TEST(Files, ReadingIsBounded) {
  const TempFolder folder;
  write_durable(folder.path() / "big", std::string(1000, 'x'));
  EXPECT_THROW(read_file(folder.path() / "big", 999), Error);
}

TEST(Files, OnlyOneHoldsTheLock) {
  const TempFolder folder;
  const auto path = folder.path() / "lock";
  {
    const auto held = FileLock::lock(path, 0);
    EXPECT_FALSE(FileLock::try_lock(path).has_value());
    EXPECT_THROW(FileLock::lock(path, 0), Error);
  }
  EXPECT_TRUE(FileLock::try_lock(path).has_value());
}

TEST(UnixSocket, WorksInAFolderDeeperThanTheAddressAllows) {
  const TempFolder folder;
  const auto deep = folder.path() / std::string(120, 'd');
  make_folder(deep);
  const auto listener = listen_unix(deep / "s");
  EXPECT_TRUE(static_cast<bool>(connect_unix(deep / "s")));
}

TEST(UnixSocket, ADeadSocketIsNotFoundAndCanBeListenedOnAgain) {
  const TempFolder folder;
  { const auto listener = listen_unix(folder.path() / "s"); }
  EXPECT_THROW(connect_unix(folder.path() / "s"), Error);
  EXPECT_NO_THROW(listen_unix(folder.path() / "s"));
}

}  // namespace
}  // namespace hlid::sys
