#include "apply/scheduler.h"

#include <algorithm>

#include "base/error.h"
#include "base/toposort.h"

namespace hlid::apply {

std::size_t Widths::of(const std::string& resource) const {
  if (resource.empty()) return total;
  const auto found = queues.find(resource);
  return std::max<std::size_t>(found == queues.end() ? other : found->second, 1);
}

Scheduler::Scheduler(std::vector<std::string> queues, const Edges& edges, Widths widths)
    : names_(std::move(queues)),
      after_(names_.size()),
      missing_(names_.size(), 0),
      states_(names_.size(), State::waiting),
      total_(std::max<std::size_t>(widths.total, 1)),
      waiting_(names_.size()) {
  for (const auto& [before, after] : edges) {
    if (before >= names_.size() || after >= names_.size())
      throw Error(Errc::failed, "an edge of the plan names no step");
    after_[before].push_back(after);
    ++missing_[after];
  }
  if (!toposort(names_.size(), edges))
    throw Error(Errc::failed, "the plan's steps wait for one another in a circle");
  for (std::size_t step = 0; step < names_.size(); ++step) {
    auto& queue = queue_of(step);
    queue.width = widths.of(names_[step]);
    if (missing_[step] == 0) queue.ready.insert(step);
  }
}

std::optional<std::size_t> Scheduler::next() {
  if (running_ >= total_) return std::nullopt;
  Queue* best = nullptr;
  for (auto& [name, queue] : queues_) {
    if (queue.ready.empty() || queue.running >= queue.width) continue;
    if (best == nullptr || *queue.ready.begin() < *best->ready.begin()) best = &queue;
  }
  if (best == nullptr) return std::nullopt;
  const auto step = *best->ready.begin();
  best->ready.erase(best->ready.begin());
  ++best->running;
  states_[step] = State::running;
  ++running_;
  --waiting_;
  return step;
}

void Scheduler::leave(std::size_t step, State state) {
  states_[step] = state;
  --queue_of(step).running;
  --running_;
}

void Scheduler::finished(std::size_t step) {
  leave(step, State::finished);
  for (const auto later : after_[step])
    if (--missing_[later] == 0 && states_[later] == State::waiting) queue_of(later).ready.insert(later);
}

void Scheduler::skip(std::size_t step, std::vector<std::size_t>& skipped) {
  if (states_[step] != State::waiting) return;
  states_[step] = State::skipped;
  queue_of(step).ready.erase(step);
  --waiting_;
  skipped.push_back(step);
}

std::vector<std::size_t> Scheduler::failed(std::size_t step) {
  leave(step, State::failed);
  std::vector<std::size_t> skipped;
  for (const auto later : after_[step]) skip(later, skipped);
  for (std::size_t i = 0; i < skipped.size(); ++i)
    for (const auto later : after_[skipped[i]]) skip(later, skipped);
  std::sort(skipped.begin(), skipped.end());
  return skipped;
}

std::vector<std::size_t> Scheduler::cancel() {
  std::vector<std::size_t> skipped;
  for (std::size_t step = 0; step < states_.size(); ++step) skip(step, skipped);
  return skipped;
}

}  // namespace hlid::apply
