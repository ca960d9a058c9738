#include "base/toposort.h"

#include <functional>
#include <queue>

namespace hlid {

std::optional<std::vector<std::size_t>> toposort(
    std::size_t count, const std::vector<std::pair<std::size_t, std::size_t>>& edges) {
  std::vector<std::vector<std::size_t>> after(count);
  std::vector<std::size_t> waiting_for(count, 0);
  for (const auto& [first, second] : edges) {
    after[first].push_back(second);
    ++waiting_for[second];
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i)
    if (waiting_for[i] == 0) ready.push(i);
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const auto next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const auto successor : after[next])
      if (--waiting_for[successor] == 0) ready.push(successor);
  }
  if (order.size() != count) return std::nullopt;
  return order;
}

}  // namespace hlid
