#include <gtest/gtest.h>

#include <algorithm>

#include "support/plan_world.h"

namespace hlid::plan {
namespace {

class PublishTest : public testing::Test {
 protected:
  PublishTest() {
    lab_.publish.push_back({{0x7f000001}, 6443, "vip", {*parse_ipv4("10.10.10.100")}, 6443});
    lab_.publish.push_back(
        {{0x7f000001}, 8080, "worker", {*parse_ipv4("10.10.10.111"), *parse_ipv4("10.10.10.112")}, 80});
  }
  const Step* step_of(const Plan& plan) {
    const auto found = std::ranges::find(plan.steps, StepKind::publish, &Step::kind);
    return found == plan.steps.end() ? nullptr : &*found;
  }
  Plan plan() { return make_plan(lab_, there_, test::with_key()); }
  model::ObservedPublish& published(std::size_t i) { return there_.published.at(i); }

  model::Homelab lab_ = test::reference_lab();
  model::Observed there_ = test::empty_node();
};

TEST_F(PublishTest, IsOneLiveStepOfTheHost) {
  const auto made = plan();
  const auto* step = step_of(made);
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->id, "publish asgard");
  EXPECT_EQ(step->disruption, model::Disruption::live);
  EXPECT_EQ(phase_of(step->kind), Phase::host);
  EXPECT_EQ(step->details.at("ports"),
            "listen=127.0.0.1,port=6443,to=10.10.10.100:6443 "
            "listen=127.0.0.1,port=8080,to=10.10.10.111:80;10.10.10.112:80");
  EXPECT_EQ(step->reasons, (std::vector<std::string>{"127.0.0.1:6443 → vip (10.10.10.100:6443)",
                                                     "127.0.0.1:8080 → worker (10.10.10.111:80, "
                                                     "10.10.10.112:80)"}));
}

TEST_F(PublishTest, TheBridgeGetsItsAddressBefore) {
  const auto made = plan();
  const auto at = [&](StepKind kind) {
    return static_cast<std::size_t>(std::ranges::find(made.steps, kind, &Step::kind) - made.steps.begin());
  };
  EXPECT_NE(std::ranges::find(made.edges, std::pair(at(StepKind::set_network), at(StepKind::publish))),
            made.edges.end());
}

TEST_F(PublishTest, WhatIsPublishedAlreadyNeedsNothing) {
  there_ = test::built(lab_);
  EXPECT_TRUE(plan().empty());
}

TEST_F(PublishTest, SaysWhatChanges) {
  there_ = test::built(lab_);
  lab_.publish[1].addresses.push_back(*parse_ipv4("10.10.10.113"));
  lab_.publish[0].port = 16443;
  const auto made = plan();
  ASSERT_NE(step_of(made), nullptr);
  EXPECT_EQ(step_of(made)->reasons,
            (std::vector<std::string>{
                "127.0.0.1:16443 → vip (10.10.10.100:6443)",
                "127.0.0.1:8080 → worker (10.10.10.111:80, 10.10.10.112:80, 10.10.10.113:80), was "
                "10.10.10.111:80, 10.10.10.112:80",
                "127.0.0.1:6443 is closed"}));
}

TEST_F(PublishTest, APortThatDoesNotListenIsTriedAgain) {
  there_ = test::built(lab_);
  published(0).active = false;
  published(0).error = "port 6443 of 127.0.0.1 is in use by another program";
  const auto made = plan();
  ASSERT_NE(step_of(made), nullptr);
  EXPECT_EQ(step_of(made)->reasons,
            std::vector<std::string>{
                "127.0.0.1:6443 does not listen: port 6443 of 127.0.0.1 is in use by another program"});
}

TEST_F(PublishTest, ThePortsOfOtherLabsAreTheirs) {
  there_ = test::built(lab_);
  there_.published.push_back({.lab = "other", .listen = {0x7f000001}, .port = 9000, .to = {"10.10.10.9:1"}});
  EXPECT_TRUE(plan().empty());
  lab_.publish[1].listen = {0};
  lab_.publish[1].port = 9000;
  const auto made = plan();
  ASSERT_EQ(made.refusals.size(), 1U);
  EXPECT_EQ(made.refusals[0].code, "port-taken");
  EXPECT_EQ(made.refusals[0].text, "port 9000 of 127.0.0.1 is published by lab 'other'");
}

TEST_F(PublishTest, ARealServerPublishesNothingAndSaysSo) {
  there_ = test::real_host();
  const auto made = plan();
  EXPECT_EQ(step_of(made), nullptr);
  const auto found = std::ranges::find(made.notices, "publish-ignored", &Notice::code);
  ASSERT_NE(found, made.notices.end());
  EXPECT_EQ(found->text,
            "the ports are not published: the machines of a Proxmox VE are on its own network, where "
            "10.10.10.100:6443 is reached as it is");
}

TEST_F(PublishTest, DestroyClosesThePortsOfTheWholeLab) {
  there_ = test::built(lab_);
  there_.published.push_back({.lab = "other", .listen = {0x7f000001}, .port = 9000, .to = {"10.10.10.9:1"}});
  lab_.publish.clear();  // the file need not name them any more
  const auto some = make_destroy_plan(lab_, there_, {.names = {"valaskjalf-worker-1"}});
  EXPECT_EQ(step_of(some), nullptr);
  const auto all = make_destroy_plan(lab_, there_);
  ASSERT_NE(step_of(all), nullptr);
  EXPECT_EQ(step_of(all)->details.at("ports"), "");
  test::apply_all(lab_, there_, all);
  ASSERT_EQ(there_.published.size(), 1U);
  EXPECT_EQ(there_.published[0].lab, "other");
  EXPECT_TRUE(make_destroy_plan(lab_, there_).empty());
}

}  // namespace
}  // namespace hlid::plan
