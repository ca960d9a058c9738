#include "sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "sys/spawn.h"
#include "sys/unique_fd.h"

namespace hlid::sys {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kGrace = std::chrono::seconds(2);

struct Pipe {
  UniqueFd read, write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("cannot create a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Collects one stream and hands out its whole lines.
struct Stream {
  UniqueFd fd;
  std::string* collected;
  std::size_t limit;
  std::function<void(const std::string&)> on_line;
  std::string pending = {};

  void take(std::string_view piece) {
    if (collected->size() < limit) collected->append(piece.substr(0, limit - collected->size()));
    if (!on_line) return;
    pending += piece;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      on_line(pending.substr(0, end));
      pending.erase(0, end + 1);
    }
  }

  void read_some() {
    char buffer[65536];
    const auto got = ::read(fd.get(), buffer, sizeof buffer);
    if (got > 0) return take({buffer, static_cast<std::size_t>(got)});
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (on_line && !pending.empty()) on_line(pending);
    fd.reset();
  }
};

/// Feeds standard input without ever blocking on a child that does not read.
struct Feed {
  UniqueFd fd;
  std::string_view left;

  void write_some() {
    const auto written = ::write(fd.get(), left.data(), left.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (written > 0) left.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 || left.empty()) fd.reset();
  }
};

/// One running child from spawn to reaped.
class Run {
 public:
  Run(const Command& command, std::stop_token stop) : command_(command), stop_(std::move(stop)) {}

  ProcessResult to_end() {
    if (!start()) return result_;
    while (!finished()) pump();
    reap();
    return std::move(result_);
  }

 private:
  bool start();
  bool finished() const { return !out_.fd && !err_.fd && exited_; }
  void pump();
  void enforce_limits();
  void end_group(Ending ending);
  void reap();

  const Command& command_;
  std::stop_token stop_;
  ProcessResult result_;
  pid_t pid_ = 0;
  Stream out_{{}, nullptr, 0, {}};
  Stream err_{{}, nullptr, 0, {}};
  Feed in_{{}, {}};
  bool exited_ = false;
  bool ended_ = false;
  int wait_status_ = 0;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point ended_at_{};
};

bool Run::start() {
  Pipe in = make_pipe(), out = make_pipe(), err = make_pipe();
  SpawnOptions options;
  options.folder = command_.folder;
  options.env = command_.env;
  options.new_group = true;
  options.fds = {
      {command_.input.empty() ? -1 : in.read.get(), 0}, {out.write.get(), 1}, {err.write.get(), 2}};
  const int failure = spawn(command_.argv, options, &pid_);
  if (failure != 0) {
    result_ = {Ending::not_started, failure, {}, {}};
    return false;
  }
  for (const int fd : {in.write.get(), out.read.get(), err.read.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  out_ = {std::move(out.read), &result_.output, command_.output_limit,
          command_.lines_of_output ? command_.on_line : std::function<void(const std::string&)>{}};
  err_ = {std::move(err.read), &result_.error_output, command_.output_limit, command_.on_line};
  if (!command_.input.empty()) in_ = {std::move(in.write), command_.input};
  return true;
}

void Run::pump() {
  pollfd fds[3] = {{out_.fd.get(), POLLIN, 0}, {err_.fd.get(), POLLIN, 0}, {in_.fd.get(), POLLOUT, 0}};
  const bool streams_open = out_.fd || err_.fd;
  ::poll(fds, 3, streams_open ? 50 : 5);
  if (fds[0].revents != 0) out_.read_some();
  if (fds[1].revents != 0) err_.read_some();
  if (fds[2].revents != 0) in_.write_some();
  if (!exited_ && ::waitpid(pid_, &wait_status_, WNOHANG) == pid_) exited_ = true;
  // A grandchild may keep the pipes open; once the child is gone nothing more than what is there counts.
  if (exited_ && streams_open && fds[0].revents == 0 && fds[1].revents == 0) {
    out_.fd.reset();
    err_.fd.reset();
  }
  enforce_limits();
}

void Run::enforce_limits() {
  if (exited_) return;
  if (!ended_ && stop_.stop_requested()) end_group(Ending::cancelled);
  if (!ended_ && command_.timeout.count() > 0 && Clock::now() - begin_ > command_.timeout)
    end_group(Ending::timed_out);
  if (ended_ && Clock::now() - ended_at_ > kGrace) ::kill(-pid_, SIGKILL);
}

void Run::end_group(Ending ending) {
  ended_ = true;
  ended_at_ = Clock::now();
  result_.ending = ending;
  ::kill(-pid_, SIGTERM);
}

void Run::reap() {
  if (ended_) {
    ::kill(-pid_, SIGKILL);
    return;
  }
  result_.ending = WIFSIGNALED(wait_status_) ? Ending::signalled : Ending::exited;
  result_.status = WIFSIGNALED(wait_status_) ? WTERMSIG(wait_status_) : WEXITSTATUS(wait_status_);
}

std::string last_lines(const std::string& text, std::size_t most) {
  auto lines = split(trim(text), '\n');
  if (lines.size() > most) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
  return join(lines, "\n");
}

}  // namespace

std::string ProcessResult::describe() const {
  std::string how;
  switch (ending) {
    case Ending::exited:
      how = fmt::format("exited with {}", status);
      break;
    case Ending::signalled:
      how = fmt::format("was killed by signal {}", status);
      break;
    case Ending::not_started:
      how = fmt::format("could not be started: {}", std::strerror(status));
      break;
    case Ending::timed_out:
      how = "took too long";
      break;
    case Ending::cancelled:
      how = "was cancelled";
      break;
  }
  const auto lines = last_lines(error_output, 10);
  return lines.empty() ? how : how + ": " + lines;
}

ProcessResult PosixProcessRunner::run(const Command& command, std::stop_token stop) {
  return Run(command, std::move(stop)).to_end();
}

std::string run_checked(ProcessRunner& runner, const Command& command, std::stop_token stop) {
  auto result = runner.run(command, std::move(stop));
  if (result.ok()) return std::move(result.output);
  const auto& program = command.argv.front();
  if (result.ending == Ending::cancelled) throw Error(Errc::interrupted, "'{}' was interrupted", program);
  if (result.ending == Ending::timed_out) throw Error(Errc::timeout, "'{}' {}", program, result.describe());
  if (result.ending == Ending::not_started && result.status == ENOENT)
    throw Error(Errc::precondition, "'{}' is not installed", program)
        .with_hint("install the package that has it");
  throw Error(Errc::failed, "'{}' {}", program, result.describe());
}

}  // namespace hlid::sys
