#include "node/vm/runtime.h"

#include <unistd.h>

#include <charconv>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "sys/clock.h"
#include "sys/files.h"

namespace hlid::node::vm {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// Whether `pid` is the QEMU that owns this pid file: its command line names it. Tells it from another
/// process that got the number after a reboot of the host.
bool owns_pid_file(pid_t pid, const fs::path& pid_file) {
  const auto words = sys::read_file_if_exists("/proc/" + std::to_string(pid) + "/cmdline");
  if (!words) return false;
  const std::string argument = std::string("-pidfile") + '\0' + pid_file.string() + '\0';
  return contains(*words, argument);
}

/// A pid file that QEMU has not written yet although it starts: the daemon was killed in between.
bool is_starting(const fs::path& pid_file) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failure == std::errc() && end == name.data() + name.size() && owns_pid_file(pid, pid_file))
      return true;
  }
  return false;
}

std::vector<std::string> stat_fields(pid_t pid) {
  const auto text = sys::read_file_if_exists("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = text ? text->rfind(')') : std::string::npos;
  return name_end == std::string::npos ? std::vector<std::string>()
                                       : split_list(text->substr(name_end + 1), " ");
}

double ticks_per_second() {
  return static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

std::shared_ptr<qemu::QmpClient> RunningVm::qmp() const {
  const std::lock_guard guard(mutex_);
  if (qmp_ == nullptr) throw Error(Errc::io, "VM {} has no monitor", vmid.value);
  return qmp_;
}

Runtime::Runtime(fs::path run_folder, std::function<void(Vmid, bool)> on_end)
    : folder_(std::move(run_folder)), on_end_(std::move(on_end)) {
  sys::make_folder(folder_, 0700);
  watcher_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

Runtime::~Runtime() {
  watcher_.request_stop();
  changed_.notify_all();
  watcher_.join();
  for (const auto& vm : all()) {  // readers end before the table goes
    std::shared_ptr<qemu::QmpClient> client;
    const std::lock_guard guard(vm->mutex_);
    client = std::exchange(vm->qmp_, nullptr);
  }
}

fs::path Runtime::file(Vmid vmid, std::string_view suffix) const {
  return folder_ / (to_string(vmid) + "." + std::string(suffix));
}

RunningVmPtr Runtime::find(Vmid vmid) const {
  const std::lock_guard guard(mutex_);
  const auto at = table_.find(vmid);
  return at != table_.end() ? at->second : nullptr;
}

std::vector<RunningVmPtr> Runtime::all() const {
  const std::lock_guard guard(mutex_);
  std::vector<RunningVmPtr> out;
  for (const auto& [vmid, vm] : table_) out.push_back(vm);
  return out;
}

std::optional<sys::ProcessId> Runtime::process_of(Vmid vmid) const {
  const auto text = sys::read_file_if_exists(file(vmid, "pid"), 64);
  pid_t pid = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc())
    return std::nullopt;
  const auto start = sys::start_time_of(pid);
  if (!start || !owns_pid_file(pid, file(vmid, "pid"))) return std::nullopt;
  return sys::ProcessId{pid, *start};
}

void Runtime::adopt() {
  std::set<Vmid> seen;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const auto vmid = parse_vmid(entry.path().stem().string());
    if (vmid) seen.insert(*vmid);
  }
  for (const Vmid vmid : seen) {
    for (int i = 0; i < 50 && !process_of(vmid) && is_starting(file(vmid, "pid")); ++i) {
      sys::SystemClock().sleep(milliseconds(100));
    }
    if (!process_of(vmid)) {
      remove_files(vmid);
      continue;
    }
    try {
      attach(vmid);
      log::info("machine {} runs on", vmid.value);
    } catch (const Error& failure) {
      log::warn("machine {} runs but its monitor does not answer: {}", vmid.value, failure.what());
    }
  }
}

RunningVmPtr Runtime::attach(Vmid vmid, bool hidden) {
  const auto process = process_of(vmid);
  if (!process) throw Error(Errc::failed, "QEMU of machine {} is not there", vmid.value);
  auto vm = std::make_shared<RunningVm>(vmid, *process, file(vmid, "qga"));
  vm->hidden = hidden;
  {
    // In the table before its monitor is known: from now on it counts as running.
    const std::lock_guard guard(mutex_);
    table_[vmid] = vm;
  }
  ++generation_;
  connect(vm);
  return vm;
}

void Runtime::connect(const RunningVmPtr& vm) {
  qemu::QmpClient::Options options;
  options.label = "VM " + to_string(vm->vmid);
  const std::weak_ptr<RunningVm> weak =
      vm;  // a verb may hold the client longer than the table holds the machine
  options.on_event = [this, weak](const qemu::QmpEvent& event) {
    const auto known = weak.lock();
    if (known == nullptr) return;
    if (event.name == "SHUTDOWN") known->ending = true;
    if (event.name == "STOP" || event.name == "SUSPEND") known->paused = true;
    if (event.name == "RESUME" || event.name == "WAKEUP") known->paused = false;
    ++generation_;
  };
  options.on_closed = [this, weak](const std::string&) {
    const auto closed = weak.lock();
    if (closed == nullptr) return;
    const std::lock_guard guard(mutex_);
    closed_.push_back(closed);
    changed_.notify_all();
  };
  std::shared_ptr<qemu::QmpClient> client;
  try {
    client = qemu::QmpClient::connect(file(vm->vmid, "qmp"), std::move(options));
    const json::value status = client->execute("query-status");
    vm->paused = !get_bool(status.as_object(), "running").value_or(true);
  } catch (const Error&) {
    const std::lock_guard guard(mutex_);
    closed_.push_back(vm);  // looked after until it is gone or answers
    changed_.notify_all();
    throw;
  }
  const std::lock_guard guard(vm->mutex_);
  vm->qmp_ = std::move(client);
}

bool Runtime::wait_end(const RunningVmPtr& vm, milliseconds timeout, std::stop_token stop) {
  if (!sys::wait_gone(vm->process, timeout, std::move(stop))) return false;
  settle(vm);
  return true;
}

void Runtime::settle(const RunningVmPtr& vm) {
  const std::lock_guard once(vm->settling_);  // held across the removal: the second comer must find it done
  if (vm->settled_) return;
  vm->settled_ = true;
  std::shared_ptr<qemu::QmpClient> client;
  {
    const std::lock_guard guard(vm->mutex_);
    client = std::exchange(vm->qmp_, nullptr);
  }
  client.reset();  // joins its reader: a SHUTDOWN event that was still on its way is seen
  const bool crashed = !vm->ending;
  if (crashed) log::warn("machine {} has ended without being asked to", vm->vmid.value);
  on_end_(vm->vmid, crashed);
  remove_files(vm->vmid);
  const std::lock_guard guard(mutex_);
  const auto at = table_.find(vm->vmid);
  if (at != table_.end() && at->second == vm) table_.erase(at);
  ++generation_;
  changed_.notify_all();
}

void Runtime::remove_files(Vmid vmid) const {
  for (const char* suffix :
       {"pid", "qmp", "qga", "vnc", "serial0", "serial1", "serial2", "serial3", "ovmf.fd", "mig"}) {
    std::error_code ignored;  // what is not there need not be removed
    fs::remove(file(vmid, suffix), ignored);
  }
}

void Runtime::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    RunningVmPtr vm;
    {
      std::unique_lock guard(mutex_);
      if (!changed_.wait(guard, stop, [this] { return !closed_.empty(); })) return;
      vm = std::move(closed_.front());
      closed_.pop_front();
    }
    try {
      look_after(vm, stop);
    } catch (const std::exception& error) {
      log::warn("machine {}: {}", vm->vmid.value, error.what());
    }
  }
}

/// Its monitor has closed: mostly because QEMU ends; else (somebody confused it) we connect again.
void Runtime::look_after(const RunningVmPtr& vm, const std::stop_token& stop) {
  if (wait_end(vm, milliseconds(3000), stop) || stop.stop_requested()) return;
  if (find(vm->vmid) != vm) return;
  std::shared_ptr<qemu::QmpClient> old;
  {
    const std::lock_guard guard(vm->mutex_);
    old = std::exchange(vm->qmp_, nullptr);
  }
  old.reset();
  log::debug("machine {} runs on without a monitor; connecting again", vm->vmid.value);
  connect(vm);
}

std::int64_t process_uptime(const sys::ProcessId& process) {
  const auto text = sys::read_file_if_exists("/proc/uptime");
  const double now = text ? std::atof(text->c_str()) : 0.0;
  const double seconds = now - static_cast<double>(process.start_time) / ticks_per_second();
  return seconds > 0 ? static_cast<std::int64_t>(seconds) : 0;
}

std::int64_t process_memory(pid_t pid) {
  const auto text = sys::read_file_if_exists("/proc/" + std::to_string(pid) + "/statm");
  if (!text) return 0;
  const auto fields = split_list(*text, " ");
  return fields.size() < 2 ? 0 : std::atoll(fields[1].c_str()) * ::sysconf(_SC_PAGESIZE);
}

double process_cpu_seconds(pid_t pid) {
  // Fields 14 and 15 of proc(5) stat, counted from the state, which is the first after the name.
  const auto fields = stat_fields(pid);
  if (fields.size() < 13) return 0;
  return (std::atof(fields[11].c_str()) + std::atof(fields[12].c_str())) / ticks_per_second();
}

}  // namespace hlid::node::vm
