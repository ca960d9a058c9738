// kill -9 at every moment of a run: whatever the journal then says and whatever is then there, the next run
// ends in the lab that the file describes.
#include <gtest/gtest.h>

#include "apply/executor.h"
#include "support/apply_fakes.h"
#include "support/fake_clock.h"
#include "support/plan_world.h"

namespace hlid::apply {
namespace {

/// What a killed run leaves.
struct Moment {
  std::string journal;
  model::Observed there;
  std::string what;
};

class Recorder {
 public:
  Recorder(const model::Homelab& lab, model::Observed there) : lab_(lab), there_(std::move(there)) {}

  std::vector<Moment> run(const plan::Plan& plan) {
    test::Simulator simulator(lab_, there_, test::kTemplateKey);
    test::FakeRunner runner([&](const plan::Step& step, StepContext& context, auto) {
      record("before " + step.id);
      if (step.kind == plan::StepKind::clone) record_half_a_clone(step, simulator);
      context.task("UPID:" + step.id);
      if (step.kind != plan::StepKind::clone) simulator.apply(step);
      record("after " + step.id);
    });
    test::RecordedProgress progress;
    progress.on_finished = [&](const plan::Step& step) { record("finished " + step.id); };
    Journal journal(folder_.path(), clock_);
    EXPECT_TRUE(Executor(plan, runner, progress, journal, {1, {}, 1}).run({}).ok());
    return std::move(moments_);
  }

 private:
  void record(const std::string& what) {
    moments_.push_back({sys::read_file(folder_.path() / "journal.jsonl"), there_, what});
  }

  /// Proxmox first writes a nameless locked configuration, then the named one, still locked.
  void record_half_a_clone(const plan::Step& step, test::Simulator& simulator) {
    simulator.apply(step);
    auto& half = test::guest(there_, step.vmid.value);
    const auto whole = half;
    half.lock = "clone";
    record("named, locked " + step.id);
    half = {};
    half.vmid = step.vmid;
    half.name = "VM " + to_string(step.vmid);
    half.node = step.node;
    half.power = model::Power::stopped;
    half.lock = "clone";
    record("nameless, locked " + step.id);
    half = whole;
  }

  const model::Homelab& lab_;
  model::Observed there_;
  sys::TempFolder folder_;
  test::FakeClock clock_;
  std::vector<Moment> moments_;
};

void expect_recovery(const model::Homelab& lab, const Moment& moment, std::string_view journal) {
  auto options = test::with_key();
  options.unfinished = unfinished_in(journal).steps;
  auto there = moment.there;
  const auto plan = plan::make_plan(lab, there, options);
  ASSERT_TRUE(plan.refusals.empty()) << moment.what << ": " << plan.refusals[0].text;
  test::apply_all(lab, there, plan);
  EXPECT_TRUE(plan::make_plan(lab, there, test::with_key()).empty()) << moment.what;
}

TEST(Crash, AtEveryMomentTheNextRunConverges) {
  const auto lab = test::reference_lab();
  const auto there = test::empty_node();
  const auto moments = Recorder(lab, there).run(plan::make_plan(lab, there, test::with_key()));
  EXPECT_GT(moments.size(), 100U);
  for (const auto& moment : moments) {
    expect_recovery(lab, moment, moment.journal);
    const auto cut = moment.journal.substr(0, moment.journal.size() - 5);  // the write after it, torn
    expect_recovery(lab, moment, moment.journal + cut.substr(cut.rfind('\n') + 1));
  }
}

/// Killed a second time, before the recovery did anything: nothing that proves the leftover ours may be lost.
TEST(Crash, TwiceInARowConverges) {
  auto lab = test::reference_lab();
  lab.machines.resize(1);
  const auto there = test::empty_node();
  for (const auto& moment : Recorder(lab, there).run(plan::make_plan(lab, there, test::with_key()))) {
    sys::TempFolder folder;
    test::FakeClock clock;
    sys::write_durable(folder.path() / "journal.jsonl", moment.journal);
    {
      Journal journal(folder.path(), clock);
      auto options = test::with_key();
      options.unfinished = journal.earlier().steps;
      journal.begin(plan::make_plan(lab, moment.there, options));
    }
    expect_recovery(lab, moment, sys::read_file(folder.path() / "journal.jsonl"));
  }
}

TEST(Crash, ATaskInFlightIsInTheJournalUntilItsStepEnds) {
  auto lab = test::reference_lab();
  lab.machines.resize(1);
  const auto there = test::empty_node();
  bool seen = false;
  bool ended = false;
  for (const auto& moment : Recorder(lab, there).run(plan::make_plan(lab, there, test::with_key()))) {
    const auto tasks = unfinished_in(moment.journal).tasks;
    if (moment.what == "after clone valaskjalf-master-1")
      seen = tasks.count("clone valaskjalf-master-1") == 1;
    if (moment.what == "finished clone valaskjalf-master-1") ended = tasks.empty();
  }
  EXPECT_TRUE(seen);
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace hlid::apply
