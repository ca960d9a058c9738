#include "node/network/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "base/error.h"

namespace hlid::node::network {
namespace {

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
}

[[noreturn]] void end_child(const std::function<int()>& body) {
  int status = 1;
  try {
    reset_signals();
    status = body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  ::_exit(status);  // not exit: what the parent registered and buffered is not ours
}

/// Set after joining a user namespace, because the change of credentials would undo it (prctl(2)).
void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
}

int execute(std::vector<std::string> argv) {
  std::vector<char*> pointers;
  for (auto& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv(pointers.front(), pointers.data());
  throw system_error("cannot run '" + argv.front() + "'");
}

}  // namespace

sys::ProcessId fork_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error("cannot fork");
  if (pid == 0) end_child(body);
  return {pid, sys::start_time_of(pid).value_or(0)};
}

sys::ProcessId start_child(const std::vector<std::string>& argv, const ChildOptions& options) {
  const pid_t parent = ::getpid();
  return fork_child([&] {
    if (options.inside != nullptr) options.inside->enter();
    if (options.output >= 0) ::dup2(options.output, STDOUT_FILENO);
    if (options.kept_fd >= 0) ::fcntl(options.kept_fd, F_SETFD, 0);
    if (options.capabilities) sys::limit_capabilities(*options.capabilities);
    die_with(parent);
    return execute(argv);
  });
}

std::string output_of(const std::vector<std::string>& argv, const sys::Namespaces& inside) {
  Pipe pipe = make_pipe();
  const auto child = start_child(argv, {.inside = &inside, .output = pipe.write.get()});
  pipe.write.reset();
  auto output = read_to_end(pipe.read.get());
  ::waitpid(child.pid, nullptr, 0);
  return output;
}

void end_process(const sys::ProcessId& process) {
  if (!sys::send_signal(process, SIGTERM)) return;
  if (sys::wait_gone(process, std::chrono::seconds(2))) return;
  sys::send_signal(process, SIGKILL);
  sys::wait_gone(process, std::chrono::seconds(2));
}

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("cannot create a pipe");
  return {sys::UniqueFd(ends[0]), sys::UniqueFd(ends[1])};
}

std::string read_to_end(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace hlid::node::network
