#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace hlid::sys {

/// What to run, as data. argv[0] is looked up in PATH; nothing ever passes through a shell.
struct Command {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> env = {};  ///< added to (or replacing in) our environment
  std::string input = {};                                     ///< standard input; empty: /dev/null
  std::string folder = {};                                    ///< working folder; empty: ours
  std::chrono::milliseconds timeout{0};  ///< 0: none. When over: SIGTERM, 2 s later SIGKILL
  std::size_t output_limit = 16U << 20;  ///< each stream; what is beyond is dropped
  /// Called with each whole line of standard error (and output, if `lines_of_output`) as it comes.
  std::function<void(const std::string&)> on_line = {};
  bool lines_of_output = false;
};

/// How it ended; exactly one of these.
enum class Ending { exited, signalled, not_started, timed_out, cancelled };

struct ProcessResult {
  Ending ending = Ending::exited;
  int status = 0;  ///< exit status, signal number, or errno when not started
  std::string output;
  std::string error_output;
  bool ok() const { return ending == Ending::exited && status == 0; }
  /// "exited with 1: last lines of its standard error" for messages.
  std::string describe() const;
};

class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  /// Runs to the end. Never throws for what the program does; a stop request ends it like a timeout.
  virtual ProcessResult run(const Command& command, std::stop_token stop = {}) = 0;
};

/// posix_spawn in a process group of its own (a timeout ends the whole group), all other descriptors closed.
class PosixProcessRunner : public ProcessRunner {
 public:
  ProcessResult run(const Command& command, std::stop_token stop = {}) override;
};

/// Runs and throws Error(failed) "'mkfs.ext4' failed: …" unless ok(); returns standard output. A program that
/// is not installed is Error(precondition) with a hint.
std::string run_checked(ProcessRunner& runner, const Command& command, std::stop_token stop = {});

/// Identity of a process that survives pid reuse: pid and start time (/proc/PID/stat, field 22, in clock
/// ticks).
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  bool operator==(const ProcessId&) const = default;
};

std::optional<std::uint64_t> start_time_of(pid_t pid);
ProcessId self_process_id();
bool is_alive(const ProcessId& process);  ///< zombies count as dead
/// Sends a signal through a pidfd only if it is still that very process; false when it is gone.
bool send_signal(const ProcessId& process, int signal);
/// Waits until it is gone; false after the timeout. Works for processes that are not our children.
bool wait_gone(const ProcessId& process, std::chrono::milliseconds timeout, std::stop_token stop = {});

/// Starts a program that outlives us: own session, standard streams to /dev/null or `log_path` (appended,
/// 0600). Returns once it runs; throws Error(io/precondition).
ProcessId spawn_detached(const std::vector<std::string>& argv, const std::string& log_path = {},
                         const std::vector<std::pair<std::string, std::string>>& env = {});

}  // namespace hlid::sys
