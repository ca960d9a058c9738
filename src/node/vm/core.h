// What the verbs of machines share. Internal to this module; each verb is in its own file.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "node/config/config_store.h"
#include "node/instant/records.h"
#include "node/instant/warm_copies.h"
#include "node/network/network.h"
#include "node/qemu/devices.h"
#include "node/qemu/host_facts.h"
#include "node/storage/storages.h"
#include "node/task/tasks.h"
#include "node/vm/arrivals.h"
#include "node/vm/cloudinit.h"
#include "node/vm/machines.h"
#include "node/vm/runtime.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/process.h"

namespace hlid::node::vm {

using config::Section;
using config::StoredVmPtr;
using config::VmConfig;
using config::VmLock;
using task::TaskContext;

class Core {
 public:
  explicit Core(Parts given);

  Parts parts;
  Runtime runtime;
  instant::Records records;
  instant::WarmCopies warm;
  Arrivals becoming;  ///< machines that are resumed, until they are themselves
  Arrivals opening;   ///< the same, until people can come in
  Turns serving;      ///< and until all their services run

  config::ConfigStore& configs() const { return parts.configs; }

  /// A task for one machine.
  wire::Upid task(const char* type, Vmid vmid, const Caller& caller, task::Work work) const;
  /// The same for work that needs the machine's lock. A free lock is taken before this returns, so that calls
  /// made one after the other take effect in that order; one that is held is waited for in the task.
  wire::Upid locked_task(const char* type, Vmid vmid, const Caller& caller,
                         std::function<void(const VmLock&, TaskContext&)> work) const;
  /// The config lock; a wait is logged as Proxmox does ("trying to acquire lock...", " OK").
  VmLock lock(Vmid vmid, TaskContext& context) const;
  HostDns dns() const;
  /// Tells the network every machine's name and address. What it cannot do is logged: names are a comfort.
  void publish_hosts() const;
  /// Throws ApiError 500 "VM 100 not running".
  RunningVmPtr require_running(Vmid vmid) const;
  /// Begins the work that goes on as long as the daemon: instant machines get what they lack of memory and
  /// disk.
  void begin_upkeep();
  /// There is something for it to do soon.
  void wake_upkeep();
  bool is_running(Vmid vmid) const { return runtime.find(vmid) != nullptr; }

 private:
  void on_end(Vmid vmid, bool crashed) const;

  std::mutex upkeep_mutex_;  // guards upkeep_wanted_
  std::condition_variable_any upkeep_woken_;
  bool upkeep_wanted_ = false;
  std::jthread upkeep_;  // last: it uses all above
};

/// Throws ApiError 500 "VM is locked (backup)".
void check_unlocked(const Section& values);
bool is_template(const Section& values);
bool flag(const Params& params, std::string_view key, bool fallback = false);
long long number(const Params& params, std::string_view key, long long fallback);
std::string text(const Params& params, std::string_view key, std::string_view fallback = {});
/// Throws ApiError 500 "checksum mismatch (file change by other user?)" when `digest` is given and another.
void check_digest(const Params& params, const config::StoredVm& vm);
/// Runs `work`, turning an Error that is no ApiError into one with the same text.
void as_api_error(const std::function<void()>& work);

}  // namespace hlid::node::vm
