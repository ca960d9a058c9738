#include "template/sandbox.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::templates {
namespace {

TEST(Sandbox, RootNeedsNoUserNamespace) {
  EXPECT_EQ(join(Sandbox::for_user(0).in_root("/r", {"localedef"}), " "),
            "setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL -- chroot /r localedef");
}

TEST(Sandbox, OthersAreRootOverTheirSubordinateIds) {
  const sys::TempFolder folder;
  sys::write_durable(folder.path() / "subuid", "someone:100000:65536\n4242:165536:65536\n");
  const auto prefix = Sandbox::for_user(4242, (folder.path() / "subuid").string()).prefix();
  EXPECT_TRUE(contains(join(prefix, " "), "unshare --map-root-user --map-auto --mount"));
}

TEST(Sandbox, SaysHowToGetSubordinateIds) {
  const sys::TempFolder folder;
  sys::write_durable(folder.path() / "subuid", "someone:100000:65536\n");
  try {
    Sandbox::for_user(4242, (folder.path() / "subuid").string());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_TRUE(contains(error.hint(), "--add-subuids"));
  }
}

}  // namespace
}  // namespace hlid::templates
