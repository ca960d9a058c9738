#include "support/fake_rke2/containers.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "support/fake_rke2/release.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "sys/process.h"
#include "sys/spawn.h"

namespace hlid::fake_rke2::containers {
namespace {

const fs::path kFolder = kRunFolder / "containerd";

struct Record {
  sys::ProcessId process;
  std::string spec;
};

std::optional<Record> record_of(const std::string& id) {
  const auto text = sys::read_file_if_exists(kFolder / id);
  if (!text) return std::nullopt;
  const auto value = parse_json(*text);
  const auto& object = value.as_object();
  return Record{{static_cast<pid_t>(get_integer(object, "pid").value_or(0)),
                 static_cast<std::uint64_t>(get_integer(object, "start").value_or(0))},
                get_string(object, "spec").value_or("")};
}

volatile sig_atomic_t passed_to = 0;  // the child of the shim

void pass_on(int signal) {
  if (passed_to > 0) ::kill(static_cast<pid_t>(passed_to), signal);
}

}  // namespace

bool ensure(const Layout& layout, const std::string& id, const std::vector<std::string>& argv) {
  const auto spec = sys::sha256_hex(version() + "\n" + join(argv, "\n"));
  if (running(id)) {
    if (record_of(id)->spec == spec) return false;
    stop(id);
  }
  sys::make_folder(kFolder);
  sys::make_folder(log_of(id).parent_path());
  const auto shim = fs::canonical(layout.bin()) / "containerd-shim-fake";
  std::vector<std::string> all{shim.string(), "-namespace", "k8s.io", "-id", id, "--"};
  all.insert(all.end(), argv.begin(), argv.end());
  const auto process = sys::spawn_detached(all, log_of(id).string());
  sys::write_durable(kFolder / id, to_text(json::object{
                                       {"pid", process.pid}, {"start", process.start_time}, {"spec", spec}}));
  return true;
}

bool running(const std::string& id) {
  const auto record = record_of(id);
  return record && sys::is_alive(record->process);
}

void stop(const std::string& id) {
  const auto record = record_of(id);
  if (!record) return;
  if (sys::is_alive(record->process)) {
    sys::send_signal(record->process, SIGTERM);
    if (!sys::wait_gone(record->process, std::chrono::seconds(10))) {
      // The child is in the shim's session; the shim alone is not enough.
      ::kill(-record->process.pid, SIGKILL);
      sys::send_signal(record->process, SIGKILL);
    }
  }
  fs::remove(kFolder / id);
}

std::vector<std::string> list() {
  std::vector<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(kFolder, none))
    if (const auto id = entry.path().filename().string(); running(id)) out.push_back(id);
  std::ranges::sort(out);
  return out;
}

fs::path log_of(const std::string& id) {
  return kPodLogs / ("kube-system_" + id) / id / "0.log";
}

int shim_main(const std::vector<std::string>& arguments) {
  const auto dashes = std::ranges::find(arguments, "--");
  if (dashes == arguments.end() || dashes + 1 == arguments.end()) return 2;
  ::signal(SIGTERM, pass_on);
  ::signal(SIGINT, pass_on);
  pid_t child = 0;
  const int problem = sys::spawn({dashes + 1, arguments.end()}, {.fds = {{1, 1}, {2, 2}}}, &child);
  if (problem != 0) return 127;
  passed_to = child;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace hlid::fake_rke2::containers
