#include "support/box.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"
#include "sys/spawn.h"

namespace hlid::test {
namespace {

using namespace std::chrono_literals;

void run_here(const std::vector<std::string>& argv) {
  sys::PosixProcessRunner runner;
  sys::run_checked(runner, {.argv = argv, .timeout = 30s});
}

/// Spawns from one thread that lives as long as this process: a death signal comes when the *thread* that
/// made a child ends.
class Spawner {
 public:
  static pid_t run(const std::vector<std::string>& argv) {
    static Spawner* const self = new Spawner;  // never ends
    std::packaged_task<pid_t()> task([&argv] {
      pid_t pid = 0;
      if (const int problem = sys::spawn(argv, {}, &pid); problem != 0)
        throw system_error("unshare", problem);
      return pid;
    });
    auto result = task.get_future();
    {
      const std::lock_guard lock(self->mutex_);
      self->tasks_.push_back(std::move(task));
    }
    self->wake_.notify_one();
    return result.get();
  }

 private:
  Spawner() {
    std::thread([this] {
      for (std::unique_lock lock(mutex_);;) {
        wake_.wait(lock, [this] { return !tasks_.empty(); });
        auto task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        lock.lock();
      }
    }).detach();
  }
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<pid_t()>> tasks_;
};

/// Starts unshare(1) with `options` and waits for the process that it forked.
std::pair<pid_t, pid_t> start(const std::vector<std::string>& options,
                              const std::vector<std::string>& program) {
  // Both die with this process, whatever it dies of.
  std::vector<std::string> argv{"setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), program.begin(), program.end());
  const pid_t outer = Spawner::run(argv);
  for (int i = 0; i < 500; ++i) {
    const auto text =
        sys::read_file_if_exists(fmt::format("/proc/{0}/task/{0}/children", outer)).value_or("");
    if (const auto child = static_cast<pid_t>(std::atoi(text.c_str())); child > 0) return {outer, child};
    std::this_thread::sleep_for(10ms);
  }
  throw Error(Errc::failed, "unshare started nothing");
}

void end(pid_t& outer) {
  if (outer <= 0) return;
  ::kill(outer, SIGKILL);
  ::waitpid(outer, nullptr, 0);
  outer = 0;
}

std::vector<std::string> in_network_of(pid_t process, const std::vector<std::string>& argv) {
  std::vector<std::string> out{"nsenter", "--target", std::to_string(process), "--net", "--"};
  out.insert(out.end(), argv.begin(), argv.end());
  return out;
}

}  // namespace

std::string boxes_impossible() {
  if (::geteuid() != 0) return "boxes need root";
  for (const char* program :
       {"/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/setpriv", "/lib/systemd/systemd"})
    if (!std::filesystem::exists(program)) return std::string(program) + " is not installed";
  const sys::TempFolder folder("hbox");
  sys::PosixProcessRunner runner;
  const auto tried = runner.run(
      {.argv = {"unshare", "--net", "--mount", "--pid", "--cgroup", "--fork", "sh", "-ec",
                "mount --make-rprivate /; cd \"$1\"; mkdir upper work root cgroup; "
                "mount -t cgroup2 cgroup2 cgroup; "
                "mount -t overlay overlay -o \"lowerdir=/,upperdir=$1/upper,workdir=$1/work\" root",
                "sh", folder.path().string()},
       .timeout = 20s});
  return tried.ok() ? std::string() : "this system does not allow boxes: " + tried.describe();
}

BoxNetwork::BoxNetwork(std::filesystem::path folder) : folder_(std::move(folder)) {
  sys::make_folder(folder_);
  process_ = start({"--net"}, {"sleep", "infinity"}).first;
  // `unshare --fork` itself stays in the new namespace too, so the outer process stands for it.
  for (const std::vector<std::string>& argv : {std::vector<std::string>{"ip", "link", "set", "lo", "up"},
                                               {"ip", "link", "add", "switch", "type", "bridge"},
                                               {"ip", "address", "add", "10.99.0.1/24", "dev", "switch"},
                                               {"ip", "link", "set", "switch", "up"}})
    run_here(in_network_of(process_, argv));
}

BoxNetwork::~BoxNetwork() {
  end(process_);
}

Box::Box(const BoxNetwork& network, std::string name, std::string address)
    : network_(network), name_(std::move(name)), address_(std::move(address)) {}

Box::~Box() {
  cut_power();
}

void Box::power_on() {
  if (runs()) return;
  const auto folder = network_.folder() / name_;
  sys::make_folder(folder);
  const auto init = std::string(HLID_SOURCE_DIR) + "/tests/support/box-init";
  std::tie(outer_, process_) =
      start({"--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup"}, {init, folder.string(), name_});
  const auto port = "box" + address_.substr(address_.rfind('.') + 1);
  sys::PosixProcessRunner runner;
  runner.run({.argv = in_network_of(network_.process(), {"ip", "link", "delete", port})});
  run_here({"ip", "link", "add", "name", port, "netns", std::to_string(network_.process()), "type", "veth",
            "peer", "name", "eth0", "netns", std::to_string(process_)});
  for (const std::vector<std::string>& argv :
       {std::vector<std::string>{"ip", "link", "set", port, "master", "switch"},
        {"ip", "link", "set", port, "up"}})
    run_here(in_network_of(network_.process(), argv));
  for (const std::vector<std::string>& argv : {std::vector<std::string>{"ip", "link", "set", "lo", "up"},
                                               {"ip", "address", "add", address_ + "/24", "dev", "eth0"},
                                               {"ip", "link", "set", "eth0", "up"},
                                               {"ip", "route", "add", "default", "via", "10.99.0.1"}})
    run_here(in_network_of(process_, argv));
  for (int i = 0; i < 600; ++i) {
    const auto state = run({"systemctl", "is-system-running"}, 10s);
    const auto text = std::string(trim(state.output));
    if (text == "running" || text == "degraded") return;
    std::this_thread::sleep_for(100ms);
  }
  throw Error(Errc::timeout, "box '{}' does not come up", name_);
}

void Box::cut_power() {
  end(outer_);
  process_ = 0;
}

sys::ProcessResult Box::run(const std::vector<std::string>& argv, std::chrono::milliseconds timeout,
                            const std::string& input) {
  if (!runs()) return {.ending = sys::Ending::not_started, .error_output = name_ + " is off"};
  std::vector<std::string> all{"nsenter",
                               "--target",
                               std::to_string(process_),
                               "--all",
                               "--root",
                               "--",
                               "env",
                               "-i",
                               "-C",
                               "/",
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               "HOME=/root"};
  all.insert(all.end(), argv.begin(), argv.end());
  sys::PosixProcessRunner runner;
  return runner.run({.argv = all, .input = input, .timeout = timeout});
}

sys::ProcessResult Box::sh(const std::string& script, const std::vector<std::string>& arguments,
                           std::chrono::milliseconds timeout) {
  std::vector<std::string> argv{"sh", "-c", script, "sh"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv, timeout);
}

void Box::separate(const Box& other, bool apart) {
  run({"ip", "route", apart ? "add" : "delete", "blackhole", other.address()});
}

}  // namespace hlid::test
