#include "cluster/quorum.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "observed_builder.h"

namespace hlid::cluster {
namespace {

using namespace hlid::test;

TEST(Quorum, IsAMajority) {
  EXPECT_EQ(quorum(0), 0);
  EXPECT_EQ(quorum(1), 1);
  EXPECT_EQ(quorum(2), 2);
  EXPECT_EQ(quorum(3), 2);
  EXPECT_EQ(quorum(4), 3);
  EXPECT_EQ(quorum(5), 3);
}

TEST(Quorum, AWellClusterAllowsEachChangeOfOneServer) {
  const auto seen = cluster_of(3, 2);
  for (const auto change : {ServerChange::restart, ServerChange::remove, ServerChange::add})
    EXPECT_TRUE(may(change, "m-2", seen).allowed());
}

TEST(Quorum, OneIllServerForbidsActingOnAnother) {
  auto seen = cluster_of(3);
  kill(seen, "m-3");
  const auto verdict = may(ServerChange::restart, "m-2", seen);
  ASSERT_EQ(verdict.evidence.size(), 1u);
  EXPECT_EQ(verdict.evidence[0], "machine 'm-3' is off");
  EXPECT_FALSE(verdict.fix.empty());
  EXPECT_FALSE(may(ServerChange::remove, "m-1", seen).allowed());
  EXPECT_FALSE(may(ServerChange::add, "m-4", seen).allowed());
}

TEST(Quorum, TheIllOneItselfMayBeRestarted) {
  auto seen = cluster_of(3);
  machine_in(seen, "m-3").active = machine_in(seen, "m-3").supervisor = false;
  node_in(seen, "m-3").ready = false;
  EXPECT_TRUE(may(ServerChange::restart, "m-3", seen).allowed());
  EXPECT_TRUE(may(ServerChange::remove, "m-3", seen).allowed());
}

TEST(Quorum, ALearnerIsNoVoterYet) {
  auto seen = cluster_of(3);
  member_in(seen, "m-3").voting = model::Voting::learner;
  EXPECT_TRUE(contains(join(ill_servers(seen), " "), "learner"));
  EXPECT_FALSE(may(ServerChange::restart, "m-1", seen).allowed());
}

TEST(Quorum, AServerThatRunsWithoutBeingAMemberIsTold) {
  auto seen = cluster_of(3);
  seen.members.pop_back();
  EXPECT_EQ(ill_servers(seen).at(0), "server 'm-3' runs without being a member of etcd");
  EXPECT_TRUE(ill_servers(seen, "m-3").empty());
}

TEST(Quorum, TwoMembersCannotLoseOneForAWhile) {
  const auto seen = cluster_of(2);
  EXPECT_FALSE(may(ServerChange::restart, "m-2", seen).allowed());
  EXPECT_TRUE(may(ServerChange::remove, "m-2", seen).allowed());
}

TEST(Quorum, TheLastServerStays) {
  const auto seen = cluster_of(1);
  EXPECT_TRUE(may(ServerChange::restart, "m-1", seen).allowed());
  EXPECT_FALSE(may(ServerChange::remove, "m-1", seen).allowed());
}

TEST(Quorum, ASingleServerThatIsDownMayBeStartedAgain) {
  auto seen = cluster_of(1, 1);
  seen.answers = false;
  seen.members.clear();
  seen.nodes.clear();
  machine_in(seen, "m-1").active = false;
  EXPECT_TRUE(may(ServerChange::restart, "m-1", seen).allowed());
  EXPECT_FALSE(may(ServerChange::remove, "m-1", seen).allowed());
}

TEST(Quorum, WhatDoesNotAnswerIsLeftAlone) {
  auto seen = cluster_of(3);
  seen.answers = false;
  for (const auto change :
       {ServerChange::restart, ServerChange::remove, ServerChange::add, ServerChange::forget})
    EXPECT_FALSE(may(change, "m-2", seen).allowed());
}

TEST(Quorum, ADeadOneIsForgottenWhileAMajorityLives) {
  auto seen = cluster_of(5);
  kill(seen, "m-1");
  kill(seen, "m-2");
  EXPECT_TRUE(may(ServerChange::forget, "m-1", seen).allowed());
  EXPECT_FALSE(may(ServerChange::forget, "m-3", seen).allowed()) << "m-3 is well";
  kill(seen, "m-3");
  const auto verdict = may(ServerChange::forget, "m-1", seen);
  EXPECT_FALSE(verdict.allowed());
  EXPECT_TRUE(contains(verdict.fix, "restore"));
}

TEST(Quorum, TheRefusalIsAnErrorWithEvidenceAndFix) {
  auto seen = cluster_of(3);
  kill(seen, "m-3");
  try {
    require(may(ServerChange::restart, "m-2", seen), "upgrade", "m-2");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_EQ(error.message(), "cannot upgrade 'm-2': machine 'm-3' is off");
    EXPECT_TRUE(contains(error.hint(), "hlid status"));
  }
}

/// Whatever the state: what is allowed leaves a majority of the remaining members alive, during it and after.
RC_GTEST_PROP(QuorumLaw, WhatIsAllowedKeepsTheMajority, ()) {
  const int size = *rc::gen::inRange(1, 8);
  auto seen = cluster_of(size);
  int alive = size;
  std::vector<bool> dead(static_cast<std::size_t>(size));
  for (int i = 1; i <= size; ++i) {
    if (!*rc::gen::weightedElement<bool>({{1, true}, {4, false}})) continue;
    kill(seen, "m-" + std::to_string(i));
    dead[static_cast<std::size_t>(i - 1)] = true;
    --alive;
  }
  seen.answers = alive >= quorum(size);
  const int target = *rc::gen::inRange(1, size + 1);
  const auto change =
      *rc::gen::element(ServerChange::restart, ServerChange::remove, ServerChange::forget, ServerChange::add);
  const std::string name = (change == ServerChange::add ? "n-" : "m-") + std::to_string(target);
  if (!may(change, name, seen).allowed()) return;
  const bool was_dead = dead[static_cast<std::size_t>(target - 1)];
  switch (change) {
    case ServerChange::restart:
      // A single server is away while it restarts; nobody else could be asked.
      RC_ASSERT(size == 1 || (was_dead ? alive : alive - 1) >= quorum(size));
      break;
    case ServerChange::remove:
    case ServerChange::forget:
      RC_ASSERT(alive >= quorum(size));
      RC_ASSERT(size > 1 && (was_dead ? alive : alive - 1) >= quorum(size - 1));
      break;
    case ServerChange::add:
      RC_ASSERT(alive >= quorum(size + 1) || size == 1);
      break;
  }
}

}  // namespace
}  // namespace hlid::cluster
