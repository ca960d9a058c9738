#include "apply/scheduler.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"

namespace hlid::apply {
namespace {

using Edges = Scheduler::Edges;

TEST(Scheduler, GivesStepsInOrderAsTheyBecomeFree) {
  Scheduler scheduler({"", "", ""}, {{0, 2}}, {});
  EXPECT_EQ(scheduler.next(), 0U);
  EXPECT_EQ(scheduler.next(), 1U);
  EXPECT_EQ(scheduler.next(), std::nullopt);
  scheduler.finished(0);
  EXPECT_EQ(scheduler.next(), 2U);
  scheduler.finished(1);
  scheduler.finished(2);
  EXPECT_TRUE(scheduler.done());
}

TEST(Scheduler, OneStorageAtATimeWhileOthersGoOn) {
  Scheduler scheduler({"storage:a", "storage:a", "storage:b"}, {}, {8, {{"storage:a", 1}}, 2});
  EXPECT_EQ(scheduler.next(), 0U);
  EXPECT_EQ(scheduler.next(), 2U);
  EXPECT_EQ(scheduler.next(), std::nullopt);
  scheduler.finished(0);
  EXPECT_EQ(scheduler.next(), 1U);
}

TEST(Scheduler, AFailureStopsOnlyWhatDependsOnIt) {
  Scheduler scheduler({"", "", "", "", ""}, {{0, 1}, {1, 2}, {3, 2}, {3, 4}}, {});
  ASSERT_EQ(scheduler.next(), 0U);
  ASSERT_EQ(scheduler.next(), 3U);
  EXPECT_EQ(scheduler.failed(0), (std::vector<std::size_t>{1, 2}));
  scheduler.finished(3);
  EXPECT_EQ(scheduler.next(), 4U);
  scheduler.finished(4);
  EXPECT_TRUE(scheduler.done());
}

TEST(Scheduler, AfterCancelNothingStarts) {
  Scheduler scheduler({"", "", ""}, {{0, 1}}, {1, {}, 1});
  ASSERT_EQ(scheduler.next(), 0U);
  EXPECT_EQ(scheduler.cancel(), (std::vector<std::size_t>{1, 2}));
  scheduler.finished(0);
  EXPECT_EQ(scheduler.next(), std::nullopt);
  EXPECT_TRUE(scheduler.done());
}

TEST(Scheduler, RefusesCirclesAndEdgesToNowhere) {
  EXPECT_THROW(Scheduler({"", ""}, {{0, 1}, {1, 0}}, {}), Error);
  EXPECT_THROW(Scheduler({""}, {{0, 1}}, {}), Error);
}

struct Any {
  std::vector<std::string> queues;
  Edges edges;
  Widths widths;
};

Any any_plan() {
  Any any;
  const auto count = *rc::gen::inRange<std::size_t>(0, 25);
  for (std::size_t i = 0; i < count; ++i) {
    any.queues.push_back(*rc::gen::element<std::string>("", "a", "b"));
    for (std::size_t before = 0; before < i; ++before)
      if (*rc::gen::inRange(0, 5) == 0) any.edges.emplace_back(before, i);
  }
  any.widths = {*rc::gen::inRange<std::size_t>(1, 6), {{"a", *rc::gen::inRange<std::size_t>(1, 4)}}, 2};
  return any;
}

/// Plays a run to its end: steps end in any order, some fail, once it may be cancelled. Every invariant is
/// checked at each moment.
class Game {
 public:
  explicit Game(Any any)
      : any_(std::move(any)),
        scheduler_(any_.queues, any_.edges, any_.widths),
        states_(any_.queues.size(), 'w') {}

  void play() {
    const bool may_cancel = *rc::gen::arbitrary<bool>();
    while (!scheduler_.done()) {
      while (const auto step = scheduler_.next()) start(*step);
      if (running_.empty()) break;
      if (may_cancel && !cancelled_ && *rc::gen::inRange(0, 10) == 0) cancel();
      end_one();
    }
    RC_ASSERT(scheduler_.done());
    for (const char state : states_) RC_ASSERT(state == 'f' || state == 'x' || state == 's');
  }

 private:
  void start(std::size_t step) {
    RC_ASSERT(!cancelled_);
    RC_ASSERT(states_[step] == 'w');
    for (const auto& [before, after] : any_.edges) RC_ASSERT(after != step || states_[before] == 'f');
    states_[step] = 'r';
    running_.push_back(step);
    std::map<std::string, std::size_t> load;
    for (const auto one : running_) ++load[any_.queues[one]];
    RC_ASSERT(running_.size() <= any_.widths.total);
    for (const auto& [queue, count] : load) RC_ASSERT(count <= any_.widths.of(queue));
  }

  void end_one() {
    const auto at = *rc::gen::inRange<std::size_t>(0, running_.size());
    const auto step = running_[at];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(at));
    if (*rc::gen::inRange(0, 6) != 0) {
      states_[step] = 'f';
      return scheduler_.finished(step);
    }
    states_[step] = 'x';
    mark_skipped(scheduler_.failed(step));
  }

  void cancel() {
    cancelled_ = true;
    mark_skipped(scheduler_.cancel());
  }

  void mark_skipped(const std::vector<std::size_t>& steps) {
    for (const auto step : steps) {
      RC_ASSERT(states_[step] == 'w');
      states_[step] = 's';
    }
  }

  Any any_;
  Scheduler scheduler_;
  std::vector<char> states_;  ///< waiting, running, finished, failed (x), skipped
  std::vector<std::size_t> running_;
  bool cancelled_ = false;
};

RC_GTEST_PROP(Law, NoEdgeIsBrokenNoWidthExceededAndItEnds, ()) {
  Game(any_plan()).play();
}

/// Nothing idles: a step that may start does start.
RC_GTEST_PROP(Law, WhatMayStartStarts, ()) {
  const auto any = any_plan();
  Scheduler scheduler(any.queues, any.edges, any.widths);
  std::map<std::string, std::size_t> load;
  std::vector<bool> started(any.queues.size(), false);
  while (const auto step = scheduler.next()) started[*step] = true, ++load[any.queues[*step]];
  std::vector<bool> free(any.queues.size(), true);
  for (const auto& [before, after] : any.edges) free[after] = false;
  for (std::size_t step = 0; step < started.size(); ++step) {
    const bool full =
        scheduler.running() == any.widths.total || load[any.queues[step]] == any.widths.of(any.queues[step]);
    RC_ASSERT(started[step] || !free[step] || full);
  }
}

}  // namespace
}  // namespace hlid::apply
