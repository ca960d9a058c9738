// Writes to the datastore without a pause, as a cluster's users would: what was acknowledged must be there
// afterwards, and the longest time without an acknowledgement is what an interruption cost.
#pragma once

#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "web_client.h"

namespace hlid::test {

class EtcdWriter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// `urls`: of etcd's client ports, "https://127.0.0.1:2379" (etcd's JSON gateway, /v3/kv). One write each
  /// tenth of a second, to whichever answers.
  EtcdWriter(std::vector<std::string> urls, WebIdentity identity);
  EtcdWriter(const EtcdWriter&) = delete;
  EtcdWriter& operator=(const EtcdWriter&) = delete;
  ~EtcdWriter();

  std::size_t acknowledged() const;
  /// Between two acknowledgements, the time until now included; since the start, or since forget_pauses().
  std::chrono::milliseconds longest_pause() const;
  void forget_pauses();
  /// Writes no more; what is acknowledged stays known.
  void stop();
  /// Acknowledged writes that are not there; stop() first. Throws Error(failed) when nobody answers.
  std::vector<int> lost() const;

 private:
  void write_on(const std::stop_token& stop);
  bool write(WebClient& client, int number);

  const std::vector<std::string> urls_;
  const WebIdentity identity_;
  std::size_t preferred_ = 0;  ///< of the writing thread: the URL that answered last
  mutable std::mutex mutex_;   ///< of the three below
  std::set<int> acknowledged_;
  Time last_ = std::chrono::steady_clock::now();
  std::chrono::milliseconds longest_{};
  std::jthread thread_;  // last: it uses the others
};

}  // namespace hlid::test
