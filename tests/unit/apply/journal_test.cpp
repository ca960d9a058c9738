#include "apply/journal.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/fake_clock.h"

namespace hlid::apply {
namespace {

plan::Step step(plan::StepKind kind, const std::string& id) {
  plan::Step made;
  made.kind = kind;
  made.id = id;
  return made;
}

plan::Plan small_plan() {
  plan::Plan plan;
  plan.lab = "lab";
  plan.steps = {step(plan::StepKind::clone, "clone a"), step(plan::StepKind::start, "start a"),
                step(plan::StepKind::wait_ready, "wait-ready a")};
  return plan;
}

class JournalTest : public testing::Test {
 protected:
  Unfinished reopened() { return Journal(folder.path(), clock).earlier(); }
  sys::TempFolder folder;
  test::FakeClock clock;
  plan::Plan plan = small_plan();
};

TEST_F(JournalTest, TellsTheNextRunWhatWasInFlight) {
  {
    Journal journal(folder.path(), clock);
    EXPECT_TRUE(journal.earlier().empty());
    journal.begin(plan);
    journal.started(plan.steps[0]);
    journal.task(plan.steps[0], "UPID:asgard:1");
  }
  const auto left = reopened();
  EXPECT_EQ(left.steps, (std::set<std::string>{"clone a", "wait-ready a"}));
  EXPECT_EQ(left.tasks, (std::map<std::string, std::string>{{"clone a", "UPID:asgard:1"}}));
}

TEST_F(JournalTest, AStepThatFinishedIsNotLeft) {
  {
    Journal journal(folder.path(), clock);
    journal.begin(plan);
    for (const auto& one : plan.steps) journal.started(one), journal.task(one, "UPID"), journal.finished(one);
  }
  EXPECT_TRUE(reopened().empty());
}

TEST_F(JournalTest, AStepThatFailedIsLeftButItsTaskHasEnded) {
  {
    Journal journal(folder.path(), clock);
    journal.begin(plan);
    journal.started(plan.steps[0]);
    journal.task(plan.steps[0], "UPID");
    journal.failed(plan.steps[0], "no space left");
    journal.end(false);
  }
  EXPECT_EQ(reopened().steps.count("clone a"), 1U);
  EXPECT_TRUE(reopened().tasks.empty());
}

TEST_F(JournalTest, ANewRunKeepsWhatTheOneBeforeLeftUntilOneCompletes) {
  {
    Journal journal(folder.path(), clock);
    journal.begin(plan);
    journal.started(plan.steps[0]);
  }
  {
    Journal journal(folder.path(), clock);
    journal.begin({});
  }
  EXPECT_EQ(reopened().steps.count("clone a"), 1U);
  {
    Journal journal(folder.path(), clock);
    journal.begin({});
    journal.end(true);
  }
  EXPECT_TRUE(reopened().empty());
}

TEST_F(JournalTest, OneLabIsForOneRun) {
  const Journal first(folder.path(), clock);
  try {
    const Journal second(folder.path(), clock);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::conflict);
    EXPECT_NE(error.message().find(std::to_string(::getpid())), std::string::npos) << error.message();
  }
}

TEST_F(JournalTest, ALineThatACrashCutShortIsIgnored) {
  {
    Journal journal(folder.path(), clock);
    journal.begin(plan);
    journal.started(plan.steps[0]);
    journal.finished(plan.steps[0]);
  }
  const auto text = sys::read_file(folder.path() / "journal.jsonl");
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const auto left = unfinished_in(std::string_view(text).substr(0, length));
    EXPECT_LE(left.steps.size(), 2U);
  }
  EXPECT_EQ(unfinished_in(text.substr(0, text.size() - 2)).steps.count("clone a"), 1U);
}

TEST_F(JournalTest, NonsenseIsNoReasonToFail) {
  EXPECT_TRUE(unfinished_in("\n[]\n{\"event\":7}\n{\"event\":\"begin\",\"steps\":3}\nnot json\n").empty());
}

}  // namespace
}  // namespace hlid::apply
