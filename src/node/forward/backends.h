// Which of several machines the next connection goes to, and what is known of each: a pure account of
// attempts that somebody else makes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "node/forward/status.h"

namespace hlid::node::forward {

class Backends {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Backends(const std::vector<Endpoint>& endpoints) { set(endpoints); }

  /// Others from now on; what is known of those that stay is kept.
  void set(const std::vector<Endpoint>& endpoints);
  bool has(const Endpoint& endpoint) const { return find(endpoint) != nullptr; }

  /// All of them, in the order to be tried by one connection: first those that are not known to be down, the
  /// least busy before others and equals in turn; then the rest, who may have come back a moment ago.
  std::vector<Endpoint> candidates();

  // What became of attempts. Endpoints that are not (any more) among them are ignored.
  void answered(const Endpoint& endpoint);
  void failed(const Endpoint& endpoint, Time now, std::string error);
  void opened(const Endpoint& endpoint);  ///< a connection
  void closed(const Endpoint& endpoint);

  /// Those that should be tried without a client now: new ones once, ones that are down at growing intervals,
  /// so that no client waits for them. They count as being tried until the attempt is answered or failed.
  std::vector<Endpoint> to_probe(Time now);
  /// When to_probe() has something next.
  std::optional<Time> next_probe() const;

  std::vector<BackendStatus> status() const;

 private:
  struct Backend {
    BackendStatus status;
    int failures = 0;  ///< in a row
    Time probe_at = {};
    bool probed = false;  ///< an attempt is under way
  };

  Backend* find(const Endpoint& endpoint);
  const Backend* find(const Endpoint& endpoint) const;

  std::vector<Backend> backends_;
  std::size_t turn_ = 0;
};

}  // namespace hlid::node::forward
