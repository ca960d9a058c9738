#include "apply/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>

#include "support/apply_fakes.h"
#include "support/fake_clock.h"
#include "sys/files.h"

namespace hlid::apply {
namespace {

plan::Plan chain_plan(const std::vector<std::string>& names,
                      std::vector<std::pair<std::size_t, std::size_t>> edges) {
  plan::Plan plan;
  plan.lab = "lab";
  for (const auto& name : names) {
    auto& step = plan.steps.emplace_back();
    step.kind = plan::StepKind::clone;
    step.id = step.subject = name;
  }
  plan.edges = std::move(edges);
  return plan;
}

class ExecutorTest : public testing::Test {
 protected:
  Outcome run(const plan::Plan& plan, test::FakeRunner& runner, Widths widths = {},
              std::stop_token stop = {}) {
    return Executor(plan, runner, progress, journal, std::move(widths)).run(stop);
  }
  bool heard(const std::string& event) const {
    return std::find(progress.events.begin(), progress.events.end(), event) != progress.events.end();
  }
  std::string journal_text() const { return sys::read_file(folder.path() / "lab" / "journal.jsonl"); }

  sys::TempFolder folder;
  test::FakeClock clock;
  Journal journal{folder.path() / "lab", clock};
  test::RecordedProgress progress;
};

TEST_F(ExecutorTest, RunsEveryStepAfterWhatItNeeds) {
  test::FakeRunner runner;
  const auto outcome = run(chain_plan({"a", "b", "c"}, {{0, 1}, {1, 2}}), runner);
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.finished, 3U);
  EXPECT_EQ(runner.ran(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(unfinished_in(journal_text()).empty());
}

TEST_F(ExecutorTest, RunsWhatIsIndependentAtOnce) {
  std::mutex mutex;
  std::condition_variable met;
  int inside = 0;
  test::FakeRunner runner(
      [&](const auto&, auto&, auto) {  // each waits for the other: one after the other would hang
        std::unique_lock lock(mutex);
        ++inside;
        met.notify_all();
        met.wait(lock, [&] { return inside == 2; });
      });
  EXPECT_TRUE(run(chain_plan({"a", "b"}, {}), runner).ok());
}

TEST_F(ExecutorTest, AFailureLetsTheIndependentRestFinish) {
  test::FakeRunner runner([](const plan::Step& step, auto&, auto) {
    if (step.id == "a") throw Error(Errc::failed, "no space left");
  });
  const auto outcome = run(chain_plan({"a", "b", "c", "d"}, {{0, 1}, {1, 3}}), runner);
  EXPECT_FALSE(outcome.ok());
  ASSERT_EQ(outcome.failures.size(), 1U);
  EXPECT_EQ(outcome.failures[0].step, "a");
  EXPECT_EQ(outcome.failures[0].error.message(), "no space left");
  EXPECT_EQ(outcome.skipped, (std::vector<std::string>{"b", "d"}));
  EXPECT_EQ(outcome.finished, 1U);
  EXPECT_TRUE(heard("failed a: no space left"));
  EXPECT_TRUE(heard("skipped d: needs 'a'"));
  EXPECT_TRUE(heard("finished c"));
}

TEST_F(ExecutorTest, AnyExceptionIsAFailureOfItsStep) {
  test::FakeRunner runner([](const auto&, auto&, auto) { throw std::runtime_error("out of range"); });
  const auto outcome = run(chain_plan({"a"}, {}), runner);
  ASSERT_EQ(outcome.failures.size(), 1U);
  EXPECT_EQ(outcome.failures[0].error.message(), "out of range");
}

TEST_F(ExecutorTest, AStopAsksRunningStepsAndStartsNoMore) {
  std::stop_source source;
  test::FakeRunner runner([&](const plan::Step& step, StepContext& context, std::stop_token stop) {
    if (step.id == "a") {
      context.task("UPID:asgard:1");
      source.request_stop();
    }
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped");
  });
  const auto outcome =
      run(chain_plan({"a", "b", "c"}, {{0, 1}, {1, 2}}), runner, {1, {}, 1}, source.get_token());
  EXPECT_TRUE(outcome.stopped);
  EXPECT_TRUE(outcome.failures.empty()) << "a step that was asked to stop has not failed";
  EXPECT_EQ(runner.ran(), std::vector<std::string>{"a"});
  EXPECT_EQ(outcome.skipped.size(), 3U);
  const auto left = unfinished_in(journal_text());
  EXPECT_EQ(left.steps.count("a"), 1U);
  EXPECT_EQ(left.tasks.at("a"), "UPID:asgard:1") << "the next run waits for it";
}

TEST_F(ExecutorTest, AStopBeforeTheStartRunsNothing) {
  std::stop_source source;
  source.request_stop();
  test::FakeRunner runner;
  const auto outcome = run(chain_plan({"a", "b"}, {}), runner, {}, source.get_token());
  EXPECT_TRUE(outcome.stopped);
  EXPECT_TRUE(runner.ran().empty());
  EXPECT_EQ(outcome.skipped.size(), 2U);
}

TEST_F(ExecutorTest, RefusesAPlanWithRefusals) {
  auto plan = chain_plan({"a"}, {});
  plan.refusals.push_back({"vmid-taken", "a", "VMID 100 belongs to 'nas'", "take another"});
  test::FakeRunner runner;
  try {
    run(plan, runner);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::precondition);
    EXPECT_EQ(error.hint(), "take another");
  }
  EXPECT_TRUE(runner.ran().empty());
}

TEST_F(ExecutorTest, AnEmptyPlanClosesTheJournal) {
  test::FakeRunner runner;
  EXPECT_TRUE(run(chain_plan({}, {}), runner).ok());
  EXPECT_TRUE(unfinished_in(journal_text()).empty());
}

TEST_F(ExecutorTest, WhatAStepReportsIsHeardBetweenItsStartAndItsEnd) {
  test::FakeRunner runner([](const auto&, StepContext& context, auto) { context.phase("copying 42 %"); });
  run(chain_plan({"a"}, {}), runner);
  EXPECT_EQ(progress.events, (std::vector<std::string>{"started a", "phase a: copying 42 %", "finished a"}));
}

TEST_F(ExecutorTest, ManyStepsOnFewThreadsAllRunOnce) {
  std::vector<std::string> names;
  std::vector<std::pair<std::size_t, std::size_t>> edges;
  for (std::size_t i = 0; i < 60; ++i) {
    names.push_back("s" + std::to_string(i));
    if (i >= 7) edges.emplace_back(i - 7, i);
  }
  test::FakeRunner runner;
  EXPECT_TRUE(run(chain_plan(names, edges), runner, {4, {}, 2}).ok());
  auto ran = runner.ran();
  std::sort(ran.begin(), ran.end());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(ran, names);
}

TEST_F(ExecutorTest, AJournalThatCannotBeWrittenStopsEverything) {
  test::FakeRunner runner([&](const plan::Step& step, auto&, auto) {
    if (step.id == "a") throw Error(Errc::failed, "x");
  });
  struct Throwing : test::RecordedProgress {
    void failed(const plan::Step&, const Error&) override { throw Error(Errc::io, "cannot write"); }
  } throwing;
  EXPECT_THROW(Executor(chain_plan({"a", "b", "c"}, {{1, 2}}), runner, throwing, journal, {1, {}, 1}).run({}),
               Error);
}

TEST(Settle, WaitsForEveryTaskThatWasLeft) {
  Unfinished left;
  left.tasks = {{"clone a", "UPID:1"}, {"clone b", "UPID:2"}};
  test::FakeRunner runner;
  test::RecordedProgress progress;
  settle(left, runner, &progress, {});
  EXPECT_EQ(runner.settled, (std::vector<std::string>{"UPID:1", "UPID:2"}));
  EXPECT_EQ(progress.events.size(), 2U);
}

}  // namespace
}  // namespace hlid::apply
