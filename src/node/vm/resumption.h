// One machine that goes on from its template's warm copy instead of booting. Internal to this module.
#pragma once

#include <chrono>

#include "node/instant/records.h"
#include "node/instant/warm_copies.h"
#include "node/qemu/devices.h"
#include "node/vm/core.h"

namespace hlid::node::vm {

class Resumption {
 public:
  /// All references have to outlive it; the lock is held by the caller.
  Resumption(Core& core, const VmLock& lock, const Section& values, instant::Record record,
             TaskContext& context);

  /// The copy, made if there is none yet. Up to here nothing has changed; throws Error: why it must be
  /// booted.
  instant::WarmCopy prepare();

  /// The machine runs as itself with all its services when this returns. Throws Error: start_over() is
  /// needed.
  void run(const instant::WarmCopy& copy);

  /// The disk as the clone left it, for what a half resumed machine wrote is worth nothing; one that people
  /// were let into keeps its disk and is not to be resumed again, whatever `stage` says.
  void start_over(instant::Stage stage);

  /// It is not to be resumed any more.
  void leave();

 private:
  void enter(instant::Stage stage);
  void start_qemu(const instant::WarmCopy& copy);
  void go_on(const instant::WarmCopy& copy) const;
  void take_identity(const instant::WarmCopy& copy) const;
  void let_people_in();
  void serve();
  void grow() const;
  void tell(const char* what) const;
  void report(const std::string& told) const;

  Core& core_;
  Vmid vmid_;
  const Section& values_;
  instant::Record record_;
  TaskContext& context_;
  qemu::Drive drive_;  ///< of the system
  storage::StoragePtr storage_;
  wire::VolumeId volume_;
  Bytes size_{};
  RunningVmPtr running_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace hlid::node::vm
