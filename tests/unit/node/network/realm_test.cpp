#include "node/network/realm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "node/network/uplink.h"
#include "support/scripted_process.h"
#include "sys/files.h"

namespace hlid::node::network {
namespace {

RealmState some_state() {
  return {.id = "a",
          .namespace_id = 4026532000U,
          .user_namespace = true,
          .holder = {1, 2},
          .anchor = {3, 4},
          .uplink = sys::ProcessId{5, 6},
          .dns = std::nullopt,
          .problem = "no dns"};
}

TEST(RealmState, SurvivesBeingWritten) {
  const sys::TempFolder folder;
  const RealmFiles files{folder.path()};
  EXPECT_FALSE(read_realm_state(files));
  write_realm_state(files, some_state());
  const auto read = read_realm_state(files);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, "a");
  EXPECT_EQ(read->namespace_id, 4026532000U);
  EXPECT_TRUE(read->user_namespace);
  EXPECT_EQ(read->anchor, (sys::ProcessId{3, 4}));
  EXPECT_EQ(read->uplink, (sys::ProcessId{5, 6}));
  EXPECT_FALSE(read->dns);
  EXPECT_EQ(read->problem, "no dns");
}

TEST(RealmState, ATornFileIsNone) {
  const sys::TempFolder folder;
  const RealmFiles files{folder.path()};
  for (const char* text : {"", "{", "[]", "{\"version\":1}", "{\"version\":2,\"holder\":{},\"anchor\":{}}"}) {
    sys::write_durable(files.state(), text);
    EXPECT_FALSE(read_realm_state(files)) << text;
  }
}

TEST(Realm, SaysWhatTheHolderSaid) {
  const sys::TempFolder folder;
  test::ScriptedProcess processes;
  processes.on(
      "hlid-node realm-hold",
      test::exit_with(1, "", "cannot make a user namespace: Operation not permitted\nfix: do this\n"));
  Realm realm(folder.path(), "hlid-node", processes);
  try {
    realm.ensure();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_EQ(
        error.message(),
        "the node's network cannot be brought up: cannot make a user namespace: Operation not permitted");
    EXPECT_EQ(error.hint(), "do this");
  }
}

TEST(Realm, IsNotStartedTwice) {
  const sys::TempFolder folder;
  test::ScriptedProcess processes;
  auto state = some_state();
  state.holder = state.anchor = sys::self_process_id();
  sys::make_folder(folder.path() / "run" / "realm");
  write_realm_state({folder.path() / "run" / "realm"}, state);
  Realm realm(folder.path(), "hlid-node", processes);
  EXPECT_TRUE(realm.ensure());
  EXPECT_TRUE(processes.commands().empty());
  const auto self = sys::self_process_id();
  EXPECT_EQ(realm.command_prefix(),
            (std::vector<std::string>{"hlid-node", "enter", fmt::format("{}:{}", self.pid, self.start_time),
                                      "--"}));
}

TEST(Uplink, CommandLines) {
  const auto slirp = uplink_command({"slirp4netns", "/usr/bin/slirp4netns"}, 7, true, 9);
  EXPECT_EQ(slirp.front(), "/usr/bin/slirp4netns");
  EXPECT_EQ(slirp.back(), kUplinkName);
  EXPECT_NE(std::ranges::find(slirp, "--disable-host-loopback"), slirp.end());
  EXPECT_NE(std::ranges::find(slirp, "--userns-path=/proc/7/ns/user"), slirp.end());
  const auto pasta = uplink_command({"pasta", "/usr/bin/pasta"}, 7, false, 9);
  EXPECT_NE(std::ranges::find(pasta, "--no-map-gw"), pasta.end());
  EXPECT_EQ(std::ranges::find(pasta, "--userns"), pasta.end());
}

}  // namespace
}  // namespace hlid::node::network
