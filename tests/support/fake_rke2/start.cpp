#include "support/fake_rke2/start.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/pki.h"
#include "support/fake_rke2/release.h"
#include "sys/files.h"

namespace hlid::fake_rke2 {
namespace {

std::string notify_socket;

void on_end(int) {
  ::_exit(0);
}

void check_sysctl(const char* name, const std::string& wanted) {
  const auto file = "/proc/sys/" + replace_all(name, ".", "/");
  const auto found = std::string(trim(sys::read_file_if_exists(file).value_or("")));
  if (found != wanted)
    journal::fatal("invalid kernel parameter value {}={} - expected {}", name, found, wanted);
}

bool has_entry(const char* file, const std::string& name) {
  for (const auto& line : split(sys::read_file_if_exists(file).value_or(""), '\n'))
    if (line.starts_with(name + ":")) return true;
  return false;
}

void check_etcd_user() {
  if (!has_entry("/etc/passwd", "etcd")) journal::fatal("missing required: user: unknown user etcd");
  if (!has_entry("/etc/group", "etcd")) journal::fatal("missing required: group: unknown group etcd");
}

void check_profile(const Config& config, bool server) {
  const auto profile = config.text("profile", "");
  if (profile.empty()) return;
  if (profile == "etcd") {
    if (server) check_etcd_user();
    return;
  }
  if (profile != "cis") journal::fatal("invalid value provided for --profile flag: {}", profile);
  if (config.text("protect-kernel-defaults") == "false")
    journal::fatal("--protect-kernel-defaults must be true when using --profile={}", profile);
  check_sysctl("vm.overcommit_memory", "1");
  check_sysctl("vm.panic_on_oom", "0");
  check_sysctl("kernel.panic", "10");
  check_sysctl("kernel.panic_on_oops", "1");
  if (server) check_etcd_user();
}

}  // namespace

void check_host(const Config& config, bool server) {
  if (::geteuid() != 0) journal::fatal("rke2 must be run as root");
  journal::info("Starting rke2 {} (0000000000000000000000000000000000000000)", version());
  check_profile(config, server);
  if (minor_version() >= 35 && !fs::exists("/sys/fs/cgroup/cgroup.controllers") &&
      faults::has("check_cgroup"))
    journal::fatal("kubelet exited: cgroup v1 is not supported");
}

void notify_ready() {
  if (notify_socket.empty()) return;
  const auto* path = notify_socket.c_str();
  const sys::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const std::string text = "READY=1";
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  ::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&address), size);
}

void prepare_process() {
  // etcd would notify as well, were it told where.
  if (const char* path = std::getenv("NOTIFY_SOCKET")) notify_socket = path;  // NOLINT(concurrency-mt-unsafe)
  ::unsetenv("NOTIFY_SOCKET");                                                // NOLINT(concurrency-mt-unsafe)
  ::signal(SIGTERM, on_end);
  ::signal(SIGINT, on_end);
  ::signal(SIGPIPE, SIG_IGN);
}

std::string node_password() {
  if (const auto known = sys::read_file_if_exists(kNodePassword)) return std::string(trim(*known));
  auto password = random_hex(16);
  sys::make_folder(kNodePassword.parent_path());
  sys::write_durable(kNodePassword, password + "\n", 0600);
  return password;
}

void maybe_crash() {
  if (faults::spend("crash_before_ready")) journal::fatal("fault crash_before_ready");
}

}  // namespace hlid::fake_rke2
