#include "node/service/network_store.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "sys/files.h"

namespace hlid::node::service {
namespace {

class NetworkStoreTest : public testing::Test {
 protected:
  NetworkConfig with_address(const char* cidr) {
    auto config = store_.newest();
    config.find("vmbr0")->address = parse_cidr(cidr);
    return config;
  }

  sys::TempFolder folder_;
  NetworkStore store_{folder_.path() / "etc" / "interfaces"};
};

TEST_F(NetworkStoreTest, StartsWithTheDefault) {
  EXPECT_EQ(store_.current(), network::default_network());
  EXPECT_FALSE(store_.pending());
  EXPECT_EQ(store_.changes(), "");
}

TEST_F(NetworkStoreTest, AChangeWaitsUntilItIsCommitted) {
  const auto changed = with_address("10.20.0.1/16");
  store_.stage(changed);
  EXPECT_EQ(store_.current(), network::default_network());
  EXPECT_EQ(store_.newest(), changed);
  EXPECT_EQ(store_.changes(), "-\taddress 10.10.10.1/24\n+\taddress 10.20.0.1/16\n");
  EXPECT_EQ(store_.commit(), changed);
  EXPECT_EQ(store_.current(), changed);
  EXPECT_FALSE(store_.pending());
  EXPECT_EQ(NetworkStore(folder_.path() / "etc" / "interfaces").current(), changed);
}

TEST_F(NetworkStoreTest, AChangeCanBeDropped) {
  store_.stage(with_address("10.20.0.1/16"));
  store_.revert();
  EXPECT_EQ(store_.commit(), network::default_network());
}

TEST_F(NetworkStoreTest, NothingThatCannotBeIsStaged) {
  EXPECT_THROW(store_.stage(with_address("100.127.255.1/24")), Error);
  EXPECT_FALSE(store_.pending());
}

}  // namespace
}  // namespace hlid::node::service
