#include <condition_variable>
#include <mutex>
#include <thread>

#include "cli/progress.h"
#include "cli/subjects.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kPlain = "\x1b[0m";
constexpr const char* kTurning[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};

/// A block of lines at the bottom, one for each machine at work, redrawn ten times a second. A machine that
/// is done leaves the block and its ticked line stays above it.
class LiveProgress : public apply::Progress {
 public:
  explicit LiveProgress(const plan::Plan& plan)
      : subjects_(plan), ticker_([this](const std::stop_token& stop) { tick(stop); }) {}
  ~LiveProgress() override {
    ticker_.request_stop();
    ticker_.join();
    const std::lock_guard lock(mutex_);
    erase_block();
  }

  void started(const plan::Step& step) override {
    const std::lock_guard lock(mutex_);
    auto& state = subjects_.of(step);
    if (!state.begun) state.since = std::chrono::steady_clock::now();
    state.begun = true;
    state.phase = doing(step);
    draw();
  }
  void phase(const plan::Step& step, const std::string& text) override {
    const std::lock_guard lock(mutex_);
    subjects_.of(step).phase = text;
  }
  void finished(const plan::Step& step) override {
    const std::lock_guard lock(mutex_);
    end_step(step, false);
  }
  void failed(const plan::Step& step, const Error&) override {
    const std::lock_guard lock(mutex_);
    end_step(step, true);
  }
  void skipped(const plan::Step& step, const std::string&) override {
    const std::lock_guard lock(mutex_);
    end_step(step, false);
  }

 private:
  void end_step(const plan::Step& step, bool failed) {
    auto& state = subjects_.of(step);
    --state.left;
    state.failed = state.failed || failed;
    const bool over = state.failed || state.left == 0;
    if (!over || state.told || !state.begun) return draw();
    state.told = true;
    erase_block();
    const auto took = elapsed_text(seconds_since(state.since));
    if (state.failed)
      print_line(fmt::format("{}✗{} {}  {} ({})", kRed, kPlain, step.subject, state.phase, took));
    else
      print_line(fmt::format("{}✓{} {}  {}{}{}", kGreen, kPlain, step.subject, kDim, took, kPlain));
    draw();
  }

  std::string row(const std::string& subject, const SubjectState& state) const {
    const auto plain = fmt::format("{}  {}", subject, state.phase);
    const auto room = static_cast<std::size_t>(std::max(20, terminal_width() - 20));
    return fmt::format("{} {}  {}{}{}\x1b[K\n", kTurning[turn_ % 10], plain.substr(0, room), kDim,
                       elapsed_text(seconds_since(state.since)), kPlain);
  }

  void erase_block() {
    if (drawn_ > 0) print(fmt::format("\x1b[{}A\x1b[J", drawn_));
    drawn_ = 0;
  }

  void draw() {
    std::string text = drawn_ > 0 ? fmt::format("\x1b[{}A", drawn_) : std::string();
    std::size_t rows = 0;
    for (const auto& subject : subjects_.order()) {
      const auto& state = subjects_.of(subject);
      if (!state.begun || state.told) continue;
      text += row(subject, state);
      ++rows;
    }
    print(text + "\x1b[J");
    drawn_ = rows;
  }

  void tick(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; })) {
      if (stop.stop_requested()) return;
      ++turn_;
      draw();
    }
  }

  std::mutex mutex_;  ///< guards all below and the block on the screen
  std::condition_variable_any wake_;
  Subjects subjects_;
  std::size_t drawn_ = 0;
  unsigned turn_ = 0;
  std::jthread ticker_;  ///< last: it uses the others
};

}  // namespace

std::unique_ptr<apply::Progress> make_live_progress(const plan::Plan& plan) {
  return std::make_unique<LiveProgress>(plan);
}

}  // namespace hlid::cli
