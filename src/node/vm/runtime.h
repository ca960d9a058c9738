// The QEMU processes of the node's machines: finds them again after a restart, watches them, and cleans up
// behind those that end, whoever ended them.
//
// A machine is running exactly while it is in this table. It enters by attach() once its monitor answers, and
// leaves when its process is gone and its taps, sockets and pid file are removed; so who finds it absent may
// start it anew.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "node/qemu/agent_client.h"
#include "node/qemu/qmp_client.h"
#include "sys/process.h"

namespace hlid::node::vm {

/// One running QEMU. Shared: a verb may still use it while the watcher lets go of it.
struct RunningVm {
  RunningVm(Vmid id, sys::ProcessId its_process, const std::filesystem::path& agent_socket)
      : vmid(id), process(its_process), agent(agent_socket, "VM " + to_string(id)) {}

  const Vmid vmid;
  const sys::ProcessId process;
  qemu::AgentClient agent;
  std::atomic<bool> paused{false};
  std::atomic<bool> hidden{false};  // resumed, and not itself yet: nobody but its start may reach it
  std::atomic<bool> ending{false};  // somebody asked for the end, or the guest shut down: not a crash

  /// Throws Error(io) once the monitor is gone.
  std::shared_ptr<qemu::QmpClient> qmp() const;

 private:
  friend class Runtime;
  mutable std::mutex mutex_;  // guards qmp_
  std::shared_ptr<qemu::QmpClient> qmp_;
  std::mutex settling_;  // held while its remains are removed, so that it is done once
  bool settled_ = false;
};
using RunningVmPtr = std::shared_ptr<RunningVm>;

class Runtime {
 public:
  /// `on_end` is told of every machine whose process has ended, before it leaves the table (taps are removed
  /// there); `crashed` if nobody asked for it. It must not throw.
  Runtime(std::filesystem::path run_folder, std::function<void(Vmid, bool crashed)> on_end);
  ~Runtime();  // machines run on
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// nullptr when it does not run.
  RunningVmPtr find(Vmid vmid) const;
  std::vector<RunningVmPtr> all() const;
  /// Grows when a machine starts, ends, pauses or goes on.
  std::uint64_t generation() const { return generation_; }

  /// Takes over every machine that runs, and removes what dead ones left. For the daemon's start.
  void adopt();
  /// After QEMU has daemonised itself: reads its pid file, connects to its monitor, and watches it from now
  /// on. Throws Error when it is not there.
  RunningVmPtr attach(Vmid vmid, bool hidden = false);
  /// Waits until the process is gone and nothing is left of it; false after the time, or when asked to stop.
  bool wait_end(const RunningVmPtr& vm, std::chrono::milliseconds timeout, std::stop_token stop);

  std::filesystem::path file(Vmid vmid, std::string_view suffix) const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::optional<sys::ProcessId> process_of(Vmid vmid) const;
  void connect(const RunningVmPtr& vm);
  void settle(const RunningVmPtr& vm);
  void remove_files(Vmid vmid) const;
  void watch(const std::stop_token& stop);
  void look_after(const RunningVmPtr& vm, const std::stop_token& stop);

  std::filesystem::path folder_;
  std::function<void(Vmid, bool)> on_end_;

  mutable std::mutex mutex_;  // guards the table and the queue
  std::condition_variable_any changed_;
  std::map<Vmid, RunningVmPtr> table_;
  std::deque<RunningVmPtr> closed_;  // whose monitor has closed
  std::atomic<std::uint64_t> generation_{1};

  std::jthread watcher_;
};

/// Seconds that a process has run.
std::int64_t process_uptime(const sys::ProcessId& process);
/// Resident memory in bytes, and processor time used in seconds; 0 when it is gone.
std::int64_t process_memory(pid_t pid);
double process_cpu_seconds(pid_t pid);

}  // namespace hlid::node::vm
