#include "node/forward/backends.h"

#include <algorithm>

namespace hlid::node::forward {
namespace {

constexpr std::chrono::milliseconds kFirstPause{500};
constexpr std::chrono::milliseconds kLongestPause{15'000};

std::chrono::milliseconds pause_after(int failures) {
  return std::min(kLongestPause, kFirstPause * (1 << std::min(failures - 1, 10)));
}

}  // namespace

Backends::Backend* Backends::find(const Endpoint& endpoint) {
  const auto found = std::find_if(backends_.begin(), backends_.end(),
                                  [&](const Backend& backend) { return backend.status.at == endpoint; });
  return found == backends_.end() ? nullptr : &*found;
}

const Backends::Backend* Backends::find(const Endpoint& endpoint) const {
  return const_cast<Backends*>(this)->find(endpoint);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

void Backends::set(const std::vector<Endpoint>& endpoints) {
  std::vector<Backend> next;
  for (const auto& endpoint : endpoints) {
    const auto* known = find(endpoint);
    next.push_back(known != nullptr ? *known : Backend{.status = {.at = endpoint}});
  }
  backends_ = std::move(next);
}

std::vector<Endpoint> Backends::candidates() {
  std::vector<const Backend*> order;
  for (std::size_t i = 0; i < backends_.size(); ++i)
    order.push_back(&backends_[(turn_ + i) % backends_.size()]);
  ++turn_;
  std::stable_sort(order.begin(), order.end(), [](const Backend* a, const Backend* b) {
    const bool a_down = a->status.health == Health::down;
    const bool b_down = b->status.health == Health::down;
    return a_down != b_down ? b_down : a->status.active < b->status.active;
  });
  std::vector<Endpoint> endpoints;
  for (const auto* backend : order) endpoints.push_back(backend->status.at);
  return endpoints;
}

void Backends::answered(const Endpoint& endpoint) {
  auto* backend = find(endpoint);
  if (backend == nullptr) return;
  backend->status.health = Health::up;
  backend->status.error.clear();
  backend->failures = 0;
  backend->probed = false;
}

void Backends::failed(const Endpoint& endpoint, Time now, std::string error) {
  auto* backend = find(endpoint);
  if (backend == nullptr) return;
  backend->status.health = Health::down;
  backend->status.error = std::move(error);
  backend->probe_at = now + pause_after(++backend->failures);
  backend->probed = false;
}

void Backends::opened(const Endpoint& endpoint) {
  if (auto* backend = find(endpoint)) ++backend->status.active;
}

void Backends::closed(const Endpoint& endpoint) {
  if (auto* backend = find(endpoint)) --backend->status.active;
}

std::vector<Endpoint> Backends::to_probe(Time now) {
  std::vector<Endpoint> due;
  for (auto& backend : backends_) {
    if (backend.status.health == Health::up || backend.probed || backend.probe_at > now) continue;
    backend.probed = true;
    due.push_back(backend.status.at);
  }
  return due;
}

std::optional<Backends::Time> Backends::next_probe() const {
  std::optional<Time> next;
  for (const auto& backend : backends_)
    if (backend.status.health != Health::up && !backend.probed)
      next = next ? std::min(*next, backend.probe_at) : backend.probe_at;
  return next;
}

std::vector<BackendStatus> Backends::status() const {
  std::vector<BackendStatus> all;
  for (const auto& backend : backends_) all.push_back(backend.status);
  return all;
}

}  // namespace hlid::node::forward
