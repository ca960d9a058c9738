#include "guest/services.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "guest/files.h"

namespace hlid::guest {

constexpr const char* kServices = "/sys/fs/cgroup/system.slice";

std::vector<std::string> thaw_services(const std::vector<std::string>& names) {
  std::vector<std::string> failures;
  for (const auto& name : names.empty() ? names_in(kServices) : names) {
    if (!name.ends_with(".service")) continue;
    const int freezer = ::open((kServices + ("/" + name) + "/cgroup.freeze").c_str(), O_WRONLY | O_CLOEXEC);
    if (freezer < 0) continue;  // it has ended
    if (::write(freezer, "0", 1) != 1)
      failures.push_back("cannot thaw " + name + ": " + std::strerror(errno));
    ::close(freezer);
  }
  return failures;
}

std::string renew_ssh_server() {
  const auto text = read_file(kServices + std::string("/ssh.service/cgroup.procs"));
  const auto pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
  if (pid <= 1) return "the SSH server does not run";
  return ::kill(pid, SIGHUP) == 0 ? "" : std::string("cannot renew the SSH server: ") + std::strerror(errno);
}

}  // namespace hlid::guest
