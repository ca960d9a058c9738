// A watch on the datastore of a cluster while something is done to it: each second it looks at every server,
// and tells afterwards whether fewer voters were up than a majority needs.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hlid::test {

struct Member {
  std::string server;  ///< the machine's name; "" of one that has not started yet
  bool voter = true;
};

/// The members in the answer of /db/info ("name-1a2b3c4d" is the member of machine "name"); nullopt when it
/// is none.
std::optional<std::vector<Member>> parse_members(const std::string& body);

/// What one server said.
struct Look {
  bool up = false;                             ///< its etcd or its supervisor answered at all
  std::optional<std::vector<Member>> members;  ///< who are in: only who reaches a majority knows
};

/// One judgement over all servers.
struct QuorumState {
  std::vector<std::string> voters, up;  ///< sorted; `up` of the voters
  std::vector<std::string> learners;
  bool known = false;  ///< somebody listed the members
  std::size_t needed() const { return voters.size() / 2 + 1; }
  bool has_quorum() const { return known && up.size() >= needed(); }
  bool operator==(const QuorumState&) const = default;
};

/// Pure: from the last word of each server. Where nobody lists the members now, those last known are taken.
QuorumState judge(const std::map<std::string, Look>& looks, const QuorumState& before);

struct WatchPace {
  std::chrono::milliseconds between{1000};
  /// How long a server's last word counts: one lost answer on a busy host is no lost voter.
  std::chrono::milliseconds holds{4000};
};

class QuorumWatch {
 public:
  /// Looks at one server; called from a thread of its own for each, all the time.
  using LookAt = std::function<Look(const std::string& server)>;
  using Time = std::chrono::steady_clock::time_point;
  QuorumWatch(std::vector<std::string> servers, LookAt look, WatchPace pace = {});
  QuorumWatch(const QuorumWatch&) = delete;
  QuorumWatch& operator=(const QuorumWatch&) = delete;
  ~QuorumWatch();

  struct Report {
    int looks = 0;                              ///< judgements since the members were first known
    int below = 0;                              ///< of those: without a majority
    std::chrono::milliseconds longest_below{};  ///< at a stretch
    std::string story;  ///< each change in a line: "12.3 s: voters a b c, up a c, learners d"
  };
  /// Since the start, or since forget().
  Report report() const;
  /// What came before does not count: a test that takes the majority away itself says so.
  void forget();
  QuorumState now() const;

 private:
  void look_at(const std::string& server, const std::stop_token& stop);
  void judge_all(const std::stop_token& stop);
  void note(const QuorumState& state, Time now);

  LookAt look_;
  const WatchPace pace_;
  const Time begin_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;  ///< of all below but the threads
  std::map<std::string, std::pair<Look, Time>> looks_;
  QuorumState state_;
  Report report_;
  std::optional<Time> below_since_;
  std::vector<std::jthread> threads_;  // last: they use the others
};

}  // namespace hlid::test
