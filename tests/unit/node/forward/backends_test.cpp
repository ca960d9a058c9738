#include "node/forward/backends.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace hlid::node::forward {
namespace {

using namespace std::chrono_literals;

Endpoint web(std::uint32_t number) {
  return {Ipv4{0x0a0a0a00 + number}, 80};
}

TEST(Rule, TextsOfEndpoints) {
  EXPECT_EQ(to_string(web(111)), "10.10.10.111:80");
  EXPECT_EQ(parse_endpoint("10.10.10.111:80"), web(111));
  for (const char* text : {"", "10.10.10.111", "10.10.10.111:", "10.10.10.111:x", "10.10.10.111:65536",
                           "10.10.10.111:-1", "10.10.10.300:1", ":80", "10.10.10.111:80 "})
    EXPECT_FALSE(parse_endpoint(text)) << text;
}

TEST(Rule, SurvivesBeingWritten) {
  const std::vector<Rule> rules{{web(1), {web(2), web(3)}, "lab"}, {{Ipv4{0}, 443}, {web(4)}, ""}};
  EXPECT_EQ(rules_from_json(parse_json(to_text(to_json(rules)))), rules);
  for (const char* text :
       {"{}", "[1]", "[{}]", R"([{"listen":"1.2.3.4:5"}])", R"([{"listen":"x","to":["1.2.3.4:5"]}])",
        R"([{"listen":"1.2.3.4:5","to":[5]}])", R"([{"listen":"1.2.3.4:5","to":"1.2.3.4:5"}])"})
    EXPECT_THROW(rules_from_json(parse_json(text)), std::exception) << text;
}

TEST(Rule, EveryAddressCollidesWithEach) {
  EXPECT_TRUE(collide(web(1), web(1)));
  EXPECT_FALSE(collide(web(1), web(2)));
  EXPECT_TRUE(collide({Ipv4{0}, 80}, web(2)));
  EXPECT_FALSE(collide({Ipv4{0}, 81}, web(2)));
}

TEST(Status, SurvivesBeingWritten) {
  PortStatus port{.listen = web(1), .listening = true, .error = "e", .active = 1, .limit = 2, .accepted = 3};
  port.failed = 4, port.received = 5'000'000'000, port.sent = 6;
  port.backends = {{web(2), Health::down, 7, "Connection refused"}, {web(3), Health::up, 0, ""}};
  EXPECT_EQ(to_text(to_json(status_from_json(to_json({port})))), to_text(to_json({port})));
  EXPECT_EQ(status_from_json(to_json({port}))[0].received, 5'000'000'000U);
}

class BackendsTest : public testing::Test {
 protected:
  static std::vector<Endpoint> three() { return {web(1), web(2), web(3)}; }
  Backends backends_{three()};
  Backends::Time now_{};
};

TEST_F(BackendsTest, TakeTurns) {
  EXPECT_EQ(backends_.candidates(), (std::vector{web(1), web(2), web(3)}));
  EXPECT_EQ(backends_.candidates(), (std::vector{web(2), web(3), web(1)}));
  EXPECT_EQ(backends_.candidates(), (std::vector{web(3), web(1), web(2)}));
}

TEST_F(BackendsTest, TheLeastBusyIsFirst) {
  for (int i = 0; i < 2; ++i) backends_.opened(web(1));
  backends_.opened(web(2));
  EXPECT_EQ(backends_.candidates(), (std::vector{web(3), web(2), web(1)}));
  for (int i = 0; i < 2; ++i) backends_.closed(web(1));
  EXPECT_EQ(backends_.candidates().front(), web(3));
  EXPECT_EQ(backends_.candidates().back(), web(2));
}

TEST_F(BackendsTest, TheOneThatRefusedIsLastUntilItAnswers) {
  backends_.failed(web(1), now_, "Connection refused");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(backends_.candidates().back(), web(1));
  EXPECT_EQ(backends_.status()[0].health, Health::down);
  EXPECT_EQ(backends_.status()[0].error, "Connection refused");
  backends_.answered(web(1));
  EXPECT_EQ(backends_.status()[0].health, Health::up);
  EXPECT_EQ(backends_.status()[0].error, "");
}

TEST_F(BackendsTest, EachIsTriedOnceAndThenWhoIsDownEverMoreRarely) {
  EXPECT_EQ(backends_.to_probe(now_), three());
  EXPECT_TRUE(backends_.to_probe(now_).empty()) << "they are being tried";
  EXPECT_FALSE(backends_.next_probe());
  backends_.answered(web(1));
  backends_.answered(web(2));
  std::vector<std::chrono::milliseconds> pauses;
  for (int i = 0; i < 8; ++i) {
    backends_.failed(web(3), now_, "no answer");
    const auto next = backends_.next_probe().value();
    pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(next - now_));
    EXPECT_TRUE(backends_.to_probe(next - 1ms).empty());
    now_ = next;
    EXPECT_EQ(backends_.to_probe(now_), std::vector{web(3)});
  }
  EXPECT_EQ(pauses.front(), 500ms);
  EXPECT_TRUE(std::is_sorted(pauses.begin(), pauses.end()));
  EXPECT_EQ(pauses.back(), 15s);
  backends_.answered(web(3));
  EXPECT_FALSE(backends_.next_probe());
}

TEST_F(BackendsTest, WhatIsKnownOfThoseThatStayIsKept) {
  backends_.failed(web(2), now_, "no answer");
  backends_.opened(web(3));
  backends_.set({web(2), web(3), web(4)});
  EXPECT_FALSE(backends_.has(web(1)));
  const auto status = backends_.status();
  EXPECT_EQ(status[0].health, Health::down);
  EXPECT_EQ(status[1].active, 1);
  EXPECT_EQ(status[2].health, Health::unknown);
  backends_.closed(web(1));  // nobody's any more
  backends_.failed(web(1), now_, "x");
  EXPECT_EQ(backends_.status().size(), 3U);
}

RC_GTEST_PROP(Backends, EveryOneIsACandidateWhateverHappened, ()) {
  const auto count = *rc::gen::inRange<std::uint32_t>(1, 6);
  std::vector<Endpoint> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(web(i));
  Backends backends(all);
  Backends::Time now{};
  for (const auto step :
       *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 1000))) {
    const auto& one = all[step % count];
    now += std::chrono::milliseconds(step);
    if (step % 3 == 0) backends.failed(one, now, "refused");
    if (step % 3 == 1) backends.answered(one);
    if (step % 3 == 2) backends.to_probe(now);
    auto candidates = backends.candidates();
    std::sort(candidates.begin(), candidates.end());
    RC_ASSERT(candidates == all);
  }
}

}  // namespace
}  // namespace hlid::node::forward
