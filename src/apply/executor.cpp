#include "apply/executor.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include <fmt/format.h>

namespace hlid::apply {
namespace {

/// One run: worker threads that take steps from the scheduler until none is left.
class Run : public Progress {
 public:
  Run(const plan::Plan& plan, StepRunner& runner, Progress& progress, Journal& journal, const Widths& widths)
      : plan_(plan),
        runner_(runner),
        progress_(progress),
        journal_(journal),
        scheduler_(queues_of(plan), plan.edges, widths) {}

  Outcome go(std::size_t workers, std::stop_token stop) {
    const std::stop_callback on_stop(stop, [this] { stop_all(); });
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
    }
    if (fatal_) std::rethrow_exception(fatal_);
    for (const auto index : cancelled_) {
      outcome_.skipped.push_back(plan_.steps[index].id);
      skipped(plan_.steps[index], "stopped");
    }
    outcome_.stopped = stop.stop_requested();
    return std::move(outcome_);
  }

  // Progress, one call at a time
  void started(const plan::Step& step) override {
    tell([&] { progress_.started(step); });
  }
  void phase(const plan::Step& step, const std::string& text) override {
    tell([&] { progress_.phase(step, text); });
  }
  void finished(const plan::Step& step) override {
    tell([&] { progress_.finished(step); });
  }
  void failed(const plan::Step& step, const Error& error) override {
    tell([&] { progress_.failed(step, error); });
  }
  void skipped(const plan::Step& step, const std::string& why) override {
    tell([&] { progress_.skipped(step, why); });
  }

 private:
  /// What a running step reports through.
  class Context : public StepContext {
   public:
    Context(Run& run, const plan::Step& step) : run_(run), step_(step) {}
    void phase(const std::string& text) override { run_.phase(step_, text); }
    void task(const std::string& upid) override { run_.journal_.task(step_, upid); }

   private:
    Run& run_;
    const plan::Step& step_;
  };

  static std::vector<std::string> queues_of(const plan::Plan& plan) {
    std::vector<std::string> queues;
    for (const auto& step : plan.steps) queues.push_back(step.resource);
    return queues;
  }

  template <typename Call>
  void tell(Call call) {
    const std::lock_guard lock(progress_mutex_);
    call();
  }

  void work() {
    while (const auto index = take()) {
      try {
        run_step(*index);
      } catch (...) {  // the journal cannot be written: nothing may go on unrecorded
        give_up(*index, std::current_exception());
      }
    }
  }

  /// Waits for a step that may start; nullopt when all is over.
  std::optional<std::size_t> take() {
    std::unique_lock lock(mutex_);
    std::optional<std::size_t> index;
    changed_.wait(lock, [&] { return (index = scheduler_.next()).has_value() || scheduler_.done(); });
    return index;
  }

  void run_step(std::size_t index) {
    const auto& step = plan_.steps[index];
    journal_.started(step);
    started(step);
    if (const auto error = attempt(step)) return step_failed(index, *error);
    journal_.finished(step);
    {
      const std::lock_guard lock(mutex_);
      scheduler_.finished(index);
      ++outcome_.finished;
    }
    changed_.notify_all();
    finished(step);
  }

  std::optional<Error> attempt(const plan::Step& step) {
    Context context(*this, step);
    try {
      runner_.run(step, context, stop_.get_token());
      return std::nullopt;
    } catch (const Error& error) {
      return error;
    } catch (const std::exception& error) {
      return Error(Errc::failed, "{}", error.what());
    }
  }

  /// A step that was asked to stop has not failed: the journal keeps it as begun, and its task.
  void step_failed(std::size_t index, const Error& error) {
    const auto& step = plan_.steps[index];
    const bool interrupted = stop_.stop_requested() && error.code() == Errc::interrupted;
    if (!interrupted) journal_.failed(step, error.what());
    std::vector<std::size_t> skipped_steps;
    {
      const std::lock_guard lock(mutex_);
      skipped_steps = scheduler_.failed(index);
      if (interrupted) {
        outcome_.skipped.push_back(step.id);
      } else {
        outcome_.failures.push_back({step.id, step.subject, error});
      }
      for (const auto other : skipped_steps) outcome_.skipped.push_back(plan_.steps[other].id);
    }
    changed_.notify_all();
    if (interrupted) {
      skipped(step, "stopped");
    } else {
      failed(step, error);
    }
    for (const auto other : skipped_steps) skipped(plan_.steps[other], fmt::format("needs '{}'", step.id));
  }

  /// Called from the thread that asks for the stop; Progress hears of it once the running steps have ended.
  void stop_all() {
    {
      const std::lock_guard lock(mutex_);
      for (const auto index : scheduler_.cancel()) cancelled_.push_back(index);
    }
    stop_.request_stop();
    changed_.notify_all();
  }

  void give_up(std::size_t index, std::exception_ptr error) {
    {
      const std::lock_guard lock(mutex_);
      if (!fatal_) fatal_ = std::move(error);
      if (scheduler_.is_running(index)) scheduler_.failed(index);
    }
    stop_all();
  }

  const plan::Plan& plan_;
  StepRunner& runner_;
  Progress& progress_;
  Journal& journal_;
  std::stop_source stop_;
  std::mutex progress_mutex_;  // held while Progress is called: that is its contract
  std::mutex mutex_;           // guards what follows
  std::condition_variable changed_;
  Scheduler scheduler_;
  Outcome outcome_;
  std::vector<std::size_t> cancelled_;
  std::exception_ptr fatal_;
};

}  // namespace

Executor::Executor(const plan::Plan& plan, StepRunner& runner, Progress& progress, Journal& journal,
                   Widths widths)
    : plan_(plan), runner_(runner), progress_(progress), journal_(journal), widths_(std::move(widths)) {}

Outcome Executor::run(std::stop_token stop) {
  if (!plan_.refusals.empty())
    throw Error(Errc::precondition, "{}", plan_.refusals.front().text).with_hint(plan_.refusals.front().hint);
  journal_.begin(plan_);
  Run run(plan_, runner_, progress_, journal_, widths_);
  const auto workers = std::min(std::max<std::size_t>(widths_.total, 1), plan_.steps.size());
  auto outcome = run.go(workers, stop);
  journal_.end(outcome.ok());
  return outcome;
}

void settle(const Unfinished& earlier, StepRunner& runner, Progress* progress, std::stop_token stop) {
  for (const auto& [id, upid] : earlier.tasks) {
    plan::Step step;
    step.id = step.subject = id;
    if (progress != nullptr) progress->phase(step, "waits for what an earlier run began");
    with_context(fmt::format("waiting for '{}' of an earlier run", id),
                 [&, &task = upid] { runner.settle(task, stop); });
  }
}

}  // namespace hlid::apply
