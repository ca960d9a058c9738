#pragma once
#include <stop_token>
#include <string>

#include "base/error.h"
#include "model/observed.h"
#include "plan/step.h"

/// What `apply` needs of the world, declared here and implemented above (drive, cli).
namespace hlid::apply {

/// Given to a running step; every call is thread-safe.
class StepContext {
 public:
  virtual ~StepContext() = default;
  /// What it does right now, for the live line of the machine: "copying 42 %".
  virtual void phase(const std::string& text) = 0;
  /// A task of the hypervisor that now runs for this step. Durable before it returns: after kill -9 the next
  /// run waits for it rather than starting it twice.
  virtual void task(const std::string& upid) = 0;
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  /// Does one step to its end, or throws Error. Idempotent: what was done before is noticed and skipped.
  /// Called from several threads at once, never twice for one step. Returns soon, with Error(interrupted),
  /// after a stop request.
  virtual void run(const plan::Step& step, StepContext& context, std::stop_token stop) = 0;
  /// Waits for the end, whatever it is, of a task that an earlier run of ours left behind. A task that the
  /// hypervisor no longer knows has ended.
  virtual void settle(const std::string& upid, std::stop_token stop) = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual model::Observed observe(std::stop_token stop) = 0;
};

/// What happens, for a person or a program that watches. Called from several threads, one call at a time.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void started(const plan::Step& step) = 0;
  virtual void phase(const plan::Step& step, const std::string& text) = 0;
  virtual void finished(const plan::Step& step) = 0;
  virtual void failed(const plan::Step& step, const Error& error) = 0;
  /// Not run, because a step it needs failed or everything was stopped.
  virtual void skipped(const plan::Step& step, const std::string& why) = 0;
};

}  // namespace hlid::apply
