#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "apply/ports.h"

/// Ports of apply that do nothing but remember.
namespace hlid::test {

/// Runs a function for each step; remembers which ran.
class FakeRunner : public apply::StepRunner {
 public:
  using Work = std::function<void(const plan::Step&, apply::StepContext&, std::stop_token)>;
  explicit FakeRunner(Work work = {}) : work_(std::move(work)) {}
  void run(const plan::Step& step, apply::StepContext& context, std::stop_token stop) override {
    {
      const std::lock_guard lock(mutex_);
      ran_.push_back(step.id);
    }
    if (work_) work_(step, context, stop);
  }
  void settle(const std::string& upid, std::stop_token /*stop*/) override { settled.push_back(upid); }
  std::vector<std::string> ran() const {
    const std::lock_guard lock(mutex_);
    return ran_;
  }
  std::vector<std::string> settled;

 private:
  Work work_;
  mutable std::mutex mutex_;
  std::vector<std::string> ran_;
};

/// "started clone a", "failed clone a: …" in their order.
class RecordedProgress : public apply::Progress {
 public:
  void started(const plan::Step& step) override { events.push_back("started " + step.id); }
  void phase(const plan::Step& step, const std::string& text) override {
    events.push_back("phase " + step.id + ": " + text);
  }
  void finished(const plan::Step& step) override {
    events.push_back("finished " + step.id);
    if (on_finished) on_finished(step);
  }
  void failed(const plan::Step& step, const Error& error) override {
    events.push_back("failed " + step.id + ": " + error.what());
  }
  void skipped(const plan::Step& step, const std::string& why) override {
    events.push_back("skipped " + step.id + ": " + why);
  }
  std::vector<std::string> events;
  std::function<void(const plan::Step&)> on_finished;
};

}  // namespace hlid::test
