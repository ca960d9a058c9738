#include "node/daemon/server_identity.h"

#include <gtest/gtest.h>

#include "sys/files.h"

namespace hlid::node::daemon {
namespace {

TEST(ServerIdentity, StaysUntilItsNamesChangeAndTheAuthorityForEver) {
  const sys::TempFolder home;
  const NodeFolder folder(home.path(), "asgard");
  folder.prepare();
  const auto first = ensure_identity(folder, {"asgard", "127.0.0.1"});
  const auto authority = sys::read_file(folder.authority());
  EXPECT_EQ(ensure_identity(folder, {"asgard", "127.0.0.1"}).fingerprint, first.fingerprint);
  const auto other = ensure_identity(folder, {"asgard", "192.0.2.1"});
  EXPECT_NE(other.fingerprint, first.fingerprint);
  EXPECT_EQ(sys::read_file(folder.authority()), authority);
}

TEST(ServerIdentity, IsMadeAnewWhenHalfOfItIsLost) {
  const sys::TempFolder home;
  const NodeFolder folder(home.path(), "asgard");
  folder.prepare();
  const auto first = ensure_identity(folder, {"asgard"});
  sys::remove_durable(folder.priv() / "server.key");
  const auto second = ensure_identity(folder, {"asgard"});
  EXPECT_NE(second.key_pem, first.key_pem);
}

}  // namespace
}  // namespace hlid::node::daemon
