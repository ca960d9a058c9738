#include "node/daemon/node_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"

namespace hlid::node::daemon {
namespace {

class NodeFolderTest : public testing::Test {
 protected:
  void SetUp() override { folder_.prepare(); }
  sys::TempFolder home_;
  NodeFolder folder_{home_.path(), "asgard"};
};

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777U;
}

TEST_F(NodeFolderTest, KeepsSecretsIn) {
  EXPECT_EQ(mode_of(folder_.etc()), 0700U);
  EXPECT_EQ(mode_of(folder_.priv()), 0700U);
  EXPECT_EQ(mode_of(folder_.run()), 0700U);
  announce(folder_, "https://127.0.0.1:1");
  EXPECT_EQ(mode_of(folder_.daemon_file()), 0600U);
}

TEST_F(NodeFolderTest, TwoDaemonsCannotHaveOneFolder) {
  const auto lock = folder_.occupy();
  announce(folder_, "https://127.0.0.1:8006");
  try {
    folder_.occupy();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.message(), "is served already by process")) << error.message();
    EXPECT_TRUE(contains(error.message(), "at https://127.0.0.1:8006")) << error.message();
  }
  EXPECT_NO_THROW(NodeFolder(home_.path(), "midgard").prepare());
}

TEST_F(NodeFolderTest, BelievesOnlyALivingDaemon) {
  EXPECT_FALSE(find_running(folder_));
  announce(folder_, "https://127.0.0.1:8006");
  ASSERT_TRUE(find_running(folder_));
  EXPECT_EQ(find_running(folder_)->endpoint, "https://127.0.0.1:8006");
  const auto self = sys::self_process_id();
  const auto dead =
      fmt::format("{{\"pid\":{},\"start_time\":{},\"endpoint\":\"x\"}}", self.pid, self.start_time + 1);
  for (const std::string& text : {dead, std::string("{"), std::string("[]"), std::string("{\"pid\":1}")}) {
    sys::write_durable(folder_.daemon_file(), text);
    EXPECT_FALSE(find_running(folder_)) << text;
  }
  withdraw(folder_);
  EXPECT_FALSE(std::filesystem::exists(folder_.daemon_file()));
}

TEST(NodeFolder, RefusesNamesThatLeaveIt) {
  for (const char* name : {"", "..", "a/b", "-a", "a-", "a b", "a.b"})
    EXPECT_THROW(NodeFolder("/tmp", name), Error) << name;
  EXPECT_NO_THROW(NodeFolder("/tmp", "asgard-1"));
}

}  // namespace
}  // namespace hlid::node::daemon
