#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/spawn.h"
#include "sys/unique_fd.h"

namespace hlid::sys {
namespace {

struct Stat {
  char state = '?';
  std::uint64_t start_time = 0;
};

/// proc(5), /proc/PID/stat: the command name is in parentheses and may hold blanks; field 3 follows it.
std::optional<Stat> stat_of(pid_t pid) {
  std::optional<std::string> text;
  try {
    text = read_file_if_exists(fmt::format("/proc/{}/stat", pid));
  } catch (const Error&) {
    return std::nullopt;  // it went while being read (ESRCH)
  }
  if (!text) return std::nullopt;
  const auto name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = split_list(std::string_view(*text).substr(name_end + 1), " \n");
  if (fields.size() < 20) return std::nullopt;
  Stat stat{fields[0].front(), 0};
  std::from_chars(fields[19].data(), fields[19].data() + fields[19].size(), stat.start_time);
  return stat;
}

UniqueFd open_pidfd(const ProcessId& process) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (fd && !is_alive(process)) fd.reset();
  return fd;
}

}  // namespace

std::optional<std::uint64_t> start_time_of(pid_t pid) {
  const auto stat = stat_of(pid);
  if (!stat) return std::nullopt;
  return stat->start_time;
}

ProcessId self_process_id() {
  return {::getpid(), start_time_of(::getpid()).value_or(0)};
}

bool is_alive(const ProcessId& process) {
  const auto stat = stat_of(process.pid);
  return stat && stat->start_time == process.start_time && stat->state != 'Z' && stat->state != 'X';
}

bool send_signal(const ProcessId& process, int signal) {
  const UniqueFd fd = open_pidfd(process);
  return fd && ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0;
}

bool wait_gone(const ProcessId& process, std::chrono::milliseconds timeout, std::stop_token stop) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  const UniqueFd fd = open_pidfd(process);
  while (fd && is_alive(process)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || stop.stop_requested()) return false;
    pollfd entry{fd.get(), POLLIN, 0};
    ::poll(&entry, 1, static_cast<int>(std::min<long long>(left.count() + 1, 100)));
  }
  ::waitpid(process.pid, nullptr, WNOHANG);  // if it happened to be our child
  return true;
}

ProcessId spawn_detached(const std::vector<std::string>& argv, const std::string& log_path,
                         const std::vector<std::pair<std::string, std::string>>& env) {
  UniqueFd log;
  if (!log_path.empty()) {
    log.reset(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!log) throw system_error("cannot open '" + log_path + "'");
  }
  SpawnOptions options;
  options.env = env;
  options.new_session = true;
  options.fds = {{-1, 0}, {log.get(), 1}, {log.get(), 2}};
  pid_t pid = 0;
  const int failure = spawn(argv, options, &pid);
  if (failure != 0) throw system_error("cannot start '" + argv.front() + "'", failure);
  return {pid, start_time_of(pid).value_or(0)};
}

}  // namespace hlid::sys
