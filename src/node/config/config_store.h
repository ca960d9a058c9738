// All machine configuration files of the node: an in-memory table of a folder that is ours but that people
// may edit.
//
// Contract: reads cost no system call beyond one non-blocking read of an inotify descriptor, and see hand
// edits at once; a value once handed out never changes (shared, immutable). Writes are durable and atomic,
// and need the machine's lock. The lock is the one of Proxmox's `lock-VMID.conf`: every verb that changes a
// machine holds it, long ones (shutdown, clone) for their whole time, and the others wait ten seconds before
// they give up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "node/config/vm_config.h"
#include "sys/unique_fd.h"

namespace hlid::node::config {

/// One file as last read: parsed, with the SHA-1 of its text (Proxmox's `digest`).
struct StoredVm {
  Vmid vmid;
  VmConfig config;
  std::string digest;
};
using StoredVmPtr = std::shared_ptr<const StoredVm>;

class ConfigStore;

/// Holds one machine's lock until destroyed; may be moved to the thread that does the work.
class VmLock {
 public:
  VmLock() = default;
  VmLock(VmLock&& other) noexcept : store_(std::exchange(other.store_, nullptr)), vmid_(other.vmid_) {}
  VmLock& operator=(VmLock&& other) noexcept;
  VmLock(const VmLock&) = delete;
  VmLock& operator=(const VmLock&) = delete;
  ~VmLock() { release(); }
  Vmid vmid() const { return vmid_; }
  explicit operator bool() const { return store_ != nullptr; }
  void release();

 private:
  friend class ConfigStore;
  VmLock(ConfigStore* store, Vmid vmid) : store_(store), vmid_(vmid) {}
  ConfigStore* store_ = nullptr;
  Vmid vmid_;
};

class ConfigStore {
 public:
  struct Options {
    std::filesystem::path folder;  // …/etc/qemu-server, created 0700 when missing
    std::string node;              // for error texts: nodes/NODE/qemu-server/100.conf
    std::chrono::milliseconds lock_wait = std::chrono::seconds(10);
  };
  explicit ConfigStore(Options options);

  /// nullptr when there is no such machine.
  StoredVmPtr find(Vmid vmid) const;
  /// Throws ApiError 500 "Configuration file 'nodes/NODE/qemu-server/100.conf' does not exist".
  StoredVmPtr require(Vmid vmid) const;
  /// Every machine, by number.
  std::vector<StoredVmPtr> all() const;
  /// Grows with every change of any file: what was derived from the table at one generation holds for it.
  std::uint64_t generation() const;

  /// Waits for the machine's lock; the machine need not exist. Throws ApiError 500 "can't lock file
  /// '/var/lock/qemu-server/lock-100.conf' - got timeout". `on_wait` is called once if it has to wait.
  VmLock lock(Vmid vmid, std::stop_token stop = {}, const std::function<void()>& on_wait = {});
  VmLock lock(Vmid vmid, std::chrono::milliseconds wait, std::stop_token stop = {},
              const std::function<void()>& on_wait = {});

  /// Does not wait: an empty lock when somebody has it.
  VmLock try_lock(Vmid vmid);
  /// Several may read (clone from) one machine at once; they exclude, and are excluded by, those that change
  /// it.
  VmLock lock_shared(Vmid vmid, std::stop_token stop = {});

  /// Writes a file that must not exist yet. Throws ApiError 500 "… config file already exists" otherwise.
  StoredVmPtr create(const VmLock& lock, const VmConfig& config);
  StoredVmPtr write(const VmLock& lock, const VmConfig& config);
  /// Absent is fine.
  void remove(const VmLock& lock);

  const std::string& node() const { return options_.node; }
  std::filesystem::path path_of(Vmid vmid) const;

 private:
  friend class VmLock;
  struct Signature {  // tells a changed file from the one that was read
    std::int64_t mtime_ns = 0;
    std::int64_t size = -1;
    std::uint64_t inode = 0;
    bool operator==(const Signature&) const = default;
  };
  struct Known {
    Signature signature;
    StoredVmPtr vm;
  };

  VmLock acquire(Vmid vmid, bool shared, std::chrono::milliseconds wait, std::stop_token stop,
                 const std::function<void()>& on_wait);
  void unlock(Vmid vmid);
  void refresh() const;          // with table_mutex_ held
  void rescan() const;           // with table_mutex_ held
  void reload(Vmid vmid) const;  // with table_mutex_ held
  StoredVmPtr put(Vmid vmid, const std::string& text);

  Options options_;
  sys::UniqueFd inotify_;

  // Held across the (small, local) file reads of a refresh: a table that lags behind its folder is worse.
  mutable std::mutex table_mutex_;
  mutable std::map<Vmid, Known> table_;
  mutable std::uint64_t generation_ = 1;

  std::mutex lock_mutex_;
  std::condition_variable_any unlocked_;
  std::map<Vmid, int> locked_;  // -1: exclusively, else by that many who share
};

}  // namespace hlid::node::config
