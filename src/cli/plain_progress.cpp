#include "cli/progress.h"
#include "cli/subjects.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

class PlainProgress : public apply::Progress {
 public:
  explicit PlainProgress(const plan::Plan& plan) : subjects_(plan) {}

  void started(const plan::Step& step) override {
    auto& state = subjects_.of(step);
    if (!state.begun) state.since = std::chrono::steady_clock::now();
    state.begun = true;
    tell_phase(step, doing(step));
  }
  void phase(const plan::Step& step, const std::string& text) override { tell_phase(step, text); }
  void finished(const plan::Step& step) override {
    auto& state = subjects_.of(step);
    if (--state.left == 0 && !state.failed) tell(step, "done in " + elapsed_text(seconds_since(state.since)));
  }
  void failed(const plan::Step& step, const Error&) override {
    auto& state = subjects_.of(step);
    state.failed = true;
    --state.left;
    tell(step, "FAILED: " + step.id);
  }
  void skipped(const plan::Step& step, const std::string&) override {
    auto& state = subjects_.of(step);
    --state.left;
    if (state.begun || state.told) return;
    state.told = true;
    tell(step, "not done");
  }

 private:
  void tell_phase(const plan::Step& step, const std::string& text) {
    auto& state = subjects_.of(step);
    if (without_digits(state.phase) == without_digits(text)) return;
    state.phase = text;
    tell(step, text);
  }
  void tell(const plan::Step& step, const std::string& text) const {
    print_line(fmt::format("{:>4} s  {}: {}", seconds_since(begun_), step.subject, text));
  }

  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  Subjects subjects_;
};

}  // namespace

std::unique_ptr<apply::Progress> make_plain_progress(const plan::Plan& plan) {
  return std::make_unique<PlainProgress>(plan);
}

}  // namespace hlid::cli
