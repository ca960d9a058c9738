#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "sys/clock.h"
#include "wire/upid.h"

/// Slow work with a name (UPID), a log and an end, kept as Proxmox keeps it: `tasks/<last hex digit of the
/// start time>/UPID` is the log, `tasks/index` the list of ended ones ("UPID ENDTIME-IN-HEX STATUS", oldest
/// first), and `tasks/active` names what runs, so that after a crash it is known what died (pve-common,
/// Tools.pm; notes 4).
namespace hlid::node::task {

/// What the work of a task sees. Safe to use from several threads of that work.
class TaskContext {
 public:
  virtual ~TaskContext() = default;
  virtual void log(std::string_view line) = 0;
  /// "WARN: line"; the task then ends with "WARNINGS: N" instead of "OK".
  virtual void warn(std::string_view line) = 0;
  /// Requested by Tasks::stop and at the daemon's end. Work that notices throws anything or returns.
  virtual std::stop_token stop_token() const = 0;
  virtual const wire::Upid& upid() const = 0;
};

/// An exception that leaves it makes the task fail with its text.
using Work = std::function<void(TaskContext&)>;

/// One task as the lists show it; `status` is empty while it runs.
struct TaskEntry {
  wire::Upid upid;
  bool running = false;
  std::string status;         ///< "OK", "WARNINGS: N", the error's text, or "unexpected status"
  std::int64_t end_time = 0;  ///< Unix seconds, 0 while it runs
};

struct LogLine {
  int number = 0;  ///< from 1
  std::string text;
};

struct TaskLog {
  std::vector<LogLine> lines;  ///< an empty log reads "no content"
  int total = 0;
  bool missing = false;  ///< no such task: the one line says so (real API: 200 with an object, facts item 11)
};

enum class Source { archive, active, all };

struct TaskFilter {
  int start = 0;
  int limit = 50;
  Source source = Source::archive;
  bool errors = false;                   ///< only those that did not end with OK
  std::string vmid = {};                 ///< exact id; empty: any
  std::string type = {};                 ///< exact type
  std::string user = {};                 ///< part of the user's name, without case
  std::vector<std::string> status = {};  ///< any of ok, error, warning, unknown; empty: all
  std::optional<std::int64_t> since = {};
  std::optional<std::int64_t> until = {};
  std::optional<std::string> owner =
      {};  ///< only this user's (and his tokens') tasks: callers without Sys.Audit
};

struct TaskPage {
  std::vector<TaskEntry> entries;  ///< newest first
  int total = 0;                   ///< matches before start and limit
};

struct TasksOptions {
  std::filesystem::path folder;  ///< …/tasks
  std::string node;
  int max_workers = 32;                  ///< threads are made as needed; what is beyond waits
  int max_waiting = 4096;                ///< more are refused: 500 "too many tasks"
  int keep = 5000;                       ///< ended tasks that index and folder remember
  std::size_t max_log_bytes = 4U << 20;  ///< of one task; what is beyond is dropped, its last line is kept
};

/// All tasks of the node. Thread-safe. A task never runs twice: what ran when the daemon died is listed as
/// stopped, "unexpected status".
class Tasks {
 public:
  /// Reads the index and settles what the last daemon left running.
  Tasks(TasksOptions options, sys::Clock& clock);
  ~Tasks();  ///< stops all ("received interrupt") and waits for them
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;

  /// The task is visible in every list the instant this returns. `type` as in Proxmox (qmstart, …), `id` a
  /// VMID or what the type wants, `user` as in UPIDs ("root@pam" or "root@pam!token").
  wire::Upid start(const std::string& type, const std::string& id, const std::string& user, Work work);

  /// Throws ApiError 400 errors.upid "no such task".
  TaskEntry status(const wire::Upid& upid) const;
  /// `limit` 0: all.
  TaskLog log(const wire::Upid& upid, int start = 0, int limit = 50) const;
  TaskPage list(const TaskFilter& filter) const;
  /// Asks it to end; an ended task is left alone. Throws as status().
  void stop(const wire::Upid& upid);
  /// Waits until it has ended; false when `stop` came first. For tests and for tasks made of others.
  bool wait(const wire::Upid& upid, std::stop_token stop = {}) const;
  int running() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Parses a UPID as the API does: throws ApiError 400 errors.upid "unable to parse worker upid".
wire::Upid require_upid(std::string_view text);

}  // namespace hlid::node::task
