#include "pve/tasks.h"

#include <algorithm>

#include "base/error.h"
#include "pve/read.h"
#include "pve/retry.h"
#include "wire/upid.h"

namespace hlid::pve {
namespace {

constexpr std::chrono::milliseconds kFirstPause{20};
constexpr std::chrono::milliseconds kLongestPause{1000};
constexpr std::size_t kEvidenceLines = 8;

std::string path_of_task(const std::string& upid, std::string_view part) {
  const auto parsed = wire::parse_upid(upid);
  if (!parsed) throw Error(Errc::protocol, "'{}' is not the name of a task", upid);
  return path_of({"nodes", parsed->node, "tasks", upid, part});
}

/// Streams the log while a task runs and keeps its last lines as evidence.
class LogTail {
 public:
  LogTail(const Session& session, const std::string& upid, const OnLog& on_log)
      : session_(&session), upid_(&upid), on_log_(&on_log) {}

  void read() {
    for (const auto& line : task_log(*session_, *upid_, seen_)) {
      ++seen_;
      if (*on_log_) (*on_log_)(line);
      last_.push_back(line);
      if (last_.size() > kEvidenceLines) last_.erase(last_.begin());
    }
  }

  /// The lines before the closing "TASK ERROR: …", which only repeats the exit status.
  std::string evidence() const {
    std::string text;
    for (const auto& line : last_)
      if (!line.starts_with("TASK ERROR")) text += "\n  | " + line;
    return text;
  }

 private:
  const Session* session_;
  const std::string* upid_;
  const OnLog* on_log_;
  std::size_t seen_ = 0;
  std::vector<std::string> last_;
};

TaskStatus wait_for_end(const Session& session, const std::string& upid,
                        const std::function<void()>& each_time) {
  auto pause = kFirstPause;
  while (true) {
    const auto status = task_status(session, upid);
    if (!status.running) return status;
    each_time();
    if (!session.clock().sleep(pause, session.stop()))
      throw Error(Errc::interrupted, "stopped while waiting for task {}", upid);
    pause = std::min(pause * 3 / 2, kLongestPause);
  }
}

Error task_failure(const std::string& upid, const std::string& exit_status, const std::string& evidence) {
  const auto parsed = wire::parse_upid(upid);
  Error error(Errc::failed, "{}{}", exit_status.empty() ? "the task ended without a status" : exit_status,
              evidence);
  error.add_context(fmt::format("task {} {} failed", parsed ? parsed->type : "?", parsed ? parsed->id : "?"));
  return error;
}

std::string upid_of(const json::value& answer) {
  if (answer.is_null()) return {};
  return text_of(answer, "the task");
}

/// The exit status of a task that was waited for; throws for all failures but those of locks.
struct Ended {
  TaskStatus status;
  std::string evidence;
};

Ended follow(const Session& session, const std::string& upid, const OnLog& on_log) {
  LogTail log(session, upid, on_log);
  const auto status = wait_for_end(session, upid, [&] {
    if (on_log) log.read();
  });
  if (on_log || !status.ok()) log.read();
  return {status, log.evidence()};
}

}  // namespace

TaskStatus task_status(const Session& session, const std::string& upid) {
  const auto data = session.get(path_of_task(upid, "status"));
  const auto& status = object_of(data, "a task's status");
  return {text_or(status, "status") == "running", text_or(status, "exitstatus")};
}

std::vector<std::string> task_log(const Session& session, const std::string& upid, std::size_t first) {
  const auto data =
      session.get(path_of_task(upid, "log"), {{"start", std::to_string(first)}, {"limit", "500"}});
  std::vector<std::string> lines;
  if (!data.is_array()) return lines;  // an unknown task answers one object
  for (const auto& row : data.as_array()) {
    if (!row.is_object()) continue;
    const auto number = number_or(row.as_object(), "n");
    const auto text = text_or(row.as_object(), "t");
    if (number <= static_cast<long long>(first) || text == "no content") continue;
    lines.push_back(text);
  }
  return lines;
}

void wait_task(const Session& session, const std::string& upid, const OnLog& on_log) {
  const auto ended = follow(session, upid, on_log);
  if (!ended.status.ok()) throw task_failure(upid, ended.status.exit_status, ended.evidence);
}

void run_task(const Session& session, const std::function<json::value()>& start, const OnLog& on_log) {
  LockPatience patience(session);
  while (true) {
    const auto upid = upid_of(start());
    if (upid.empty()) return;
    session.tell_task(upid);
    const auto ended = follow(session, upid, on_log);
    if (ended.status.ok()) return;
    if (!patience.pause(lock_wait_of(ended.status.exit_status)))
      throw task_failure(upid, ended.status.exit_status, ended.evidence);
  }
}

}  // namespace hlid::pve
