#pragma once
#include <chrono>
#include <string_view>

#include "pve/session.h"

namespace hlid::pve {

/// What a failure says about waiting.
enum class LockWait {
  none,
  file,  ///< a lock file or cluster lock was not obtained in time: nothing was done
  word,  ///< the machine carries a lock word (backup, clone, …)
};

/// Reads Proxmox's texts: "can't lock file '…' - got timeout", "cfs-lock 'storage-x' error: got lock request
/// timeout", "VM is locked (backup)". A timeout of a QMP command is none of these.
LockWait lock_wait_of(std::string_view failure);

/// Counts the time spent on one lock. pause() sleeps (0.25 s, doubling to 4 s) and is true, or is false when
/// patience for that kind of lock has ended.
class LockPatience {
 public:
  explicit LockPatience(const Session& session);
  bool pause(LockWait wait);

 private:
  const Session* session_;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::milliseconds next_{250};
};

}  // namespace hlid::pve
