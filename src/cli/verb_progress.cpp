#include "cli/verb_progress.h"

namespace hlid::cli {

VerbProgress::VerbProgress(const model::Homelab& lab, const std::string& verb, ProgressStyle style)
    : style_(style), lab_(lab.name) {
  const auto add = [&](const std::string& subject) {
    plan::Step step;
    step.id = verb + " " + subject;
    step.subject = subject;
    step.details["doing"] = "beginning";
    plan_.steps.push_back(std::move(step));
  };
  add(lab.name);
  for (const auto& machine : lab.machines)
    if (machine.role != model::Role::plain) add(machine.name);
  progress_ = make_progress(style_, plan_);
}

const plan::Step& VerbProgress::step_of(const std::string& subject) const {
  for (const auto& step : plan_.steps)
    if (step.subject == subject) return step;
  return plan_.steps.front();
}

void VerbProgress::phase(const std::string& text) {
  const std::lock_guard lock(mutex_);
  const auto colon = text.find(": ");
  const auto& step = step_of(colon == std::string::npos ? lab_ : text.substr(0, colon));
  const bool is_lab = step.subject == lab_;
  const auto what = is_lab ? text : text.substr(colon + 2);
  if (!is_lab && what == "done") return end(step);
  // Who begins says at once what it does.
  auto begun = step;
  begun.details["doing"] = what;
  if (open_.insert(step.subject).second)
    progress_->started(begun);
  else
    progress_->phase(step, what);
}

void VerbProgress::end(const plan::Step& step) {
  if (open_.erase(step.subject) > 0) progress_->finished(step);
}

void VerbProgress::finish() {
  const std::lock_guard lock(mutex_);
  for (const auto& step : plan_.steps) end(step);
  progress_.reset();
}

void VerbProgress::fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  for (const auto& step : plan_.steps)
    if (open_.erase(step.subject) > 0) progress_->failed(step, error);
  progress_.reset();
}

void VerbProgress::aside(const std::function<void()>& talk) {
  const std::lock_guard lock(mutex_);
  if (style_ != ProgressStyle::live) return talk();
  progress_.reset();
  talk();
  open_.clear();
  progress_ = make_progress(style_, plan_);
}

}  // namespace hlid::cli
