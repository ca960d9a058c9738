#include "quorum_watch.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "sys/clock.h"

namespace hlid::test {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

std::string machine_of(const std::string& member) {
  const auto dash = member.rfind('-');
  return dash == std::string::npos ? member : member.substr(0, dash);
}

void sort_all(QuorumState& state) {
  for (auto* names : {&state.voters, &state.up, &state.learners}) std::sort(names->begin(), names->end());
}

std::string text_of(const QuorumState& state) {
  if (!state.known) return "nobody knows the members";
  auto text = fmt::format("voters {}, up {}", join(state.voters, " "), join(state.up, " "));
  if (!state.learners.empty()) text += ", learners " + join(state.learners, " ");
  return text;
}

}  // namespace

std::optional<std::vector<Member>> parse_members(const std::string& body) {
  try {
    std::vector<Member> members;
    const auto value = parse_json(body, "/db/info");
    for (const auto& item : value.at("members").as_array()) {
      const auto& object = item.as_object();
      members.push_back({machine_of(get_string(object, "name").value_or("")),
                         !get_bool(object, "isLearner").value_or(false)});
    }
    return members;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

QuorumState judge(const std::map<std::string, Look>& looks, const QuorumState& before) {
  QuorumState state;
  state.voters = before.voters;
  state.known = before.known;
  for (const auto& [server, look] : looks) {
    if (!look.members) continue;
    state.voters.clear(), state.learners.clear();
    for (const auto& member : *look.members)
      (member.voter ? state.voters : state.learners).push_back(member.server);
    state.known = true;
    break;
  }
  for (const auto& voter : state.voters) {
    const auto found = looks.find(voter);
    if (found != looks.end() && found->second.up) state.up.push_back(voter);
  }
  sort_all(state);
  return state;
}

QuorumWatch::QuorumWatch(std::vector<std::string> servers, LookAt look, WatchPace pace)
    : look_(std::move(look)), pace_(pace) {
  for (const auto& server : servers)
    threads_.emplace_back([this, server](const std::stop_token& stop) { look_at(server, stop); });
  threads_.emplace_back([this](const std::stop_token& stop) { judge_all(stop); });
}

QuorumWatch::~QuorumWatch() {
  for (auto& thread : threads_) thread.request_stop();
}

void QuorumWatch::look_at(const std::string& server, const std::stop_token& stop) {
  sys::SystemClock clock;
  do {
    auto look = look_(server);
    if (!look.up) continue;  // the last word holds for a while
    const std::scoped_lock lock(mutex_);
    looks_[server] = {std::move(look), clock.now()};
  } while (clock.sleep(pace_.between, stop));
}

void QuorumWatch::judge_all(const std::stop_token& stop) {
  sys::SystemClock clock;
  while (clock.sleep(pace_.between, stop)) {
    const auto now = clock.now();
    const std::scoped_lock lock(mutex_);
    std::map<std::string, Look> fresh;
    for (const auto& [server, word] : looks_)
      if (now - word.second < pace_.holds) fresh.emplace(server, word.first);
    note(judge(fresh, state_), now);
  }
}

void QuorumWatch::note(const QuorumState& state, Time now) {
  if (!(state == state_))
    report_.story +=
        fmt::format("{:.1f} s: {}\n", std::chrono::duration<double>(now - begin_).count(), text_of(state));
  state_ = state;
  if (!state.known) return;
  ++report_.looks;
  if (state.has_quorum()) {
    below_since_.reset();
    return;
  }
  ++report_.below;
  if (!below_since_) below_since_ = now;
  report_.longest_below =
      std::max(report_.longest_below, duration_cast<milliseconds>(now - *below_since_) + pace_.between);
}

QuorumWatch::Report QuorumWatch::report() const {
  const std::scoped_lock lock(mutex_);
  return report_;
}

void QuorumWatch::forget() {
  const std::scoped_lock lock(mutex_);
  report_ = {};
  below_since_.reset();
}

QuorumState QuorumWatch::now() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

}  // namespace hlid::test
