#pragma once
#include <functional>
#include <string>
#include <vector>

#include "pve/session.h"

/// Tasks: what the API starts in the background and names by a UPID. (pve-manager, API2/Tasks.pm.)
namespace hlid::pve {

struct TaskStatus {
  bool running = false;
  std::string exit_status;  ///< "OK", "WARNINGS: n", or the error's text; empty while running
  bool ok() const { return !running && (exit_status == "OK" || exit_status.starts_with("WARNINGS")); }
};

using OnLog = std::function<void(const std::string& line)>;

TaskStatus task_status(const Session& session, const std::string& upid);
/// Lines from number `first` (from 0) on.
std::vector<std::string> task_log(const Session& session, const std::string& upid, std::size_t first = 0);

/// Waits for the end, asking at first each 20 ms and in the end each second; new log lines are given to
/// `on_log`. Throws Error(failed) with the task's error and its last log lines unless it ended OK or with
/// warnings; a stop request ends the waiting (not the task) with Error(interrupted).
void wait_task(const Session& session, const std::string& upid, const OnLog& on_log = {});

/// Calls `start`, which answers a UPID (or null for work already done), and waits. A task that failed only
/// because a lock was not obtained is started again, within the session's patience.
void run_task(const Session& session, const std::function<json::value()>& start, const OnLog& on_log = {});

}  // namespace hlid::pve
