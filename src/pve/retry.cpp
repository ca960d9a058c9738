#include "pve/retry.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace hlid::pve {

LockWait lock_wait_of(std::string_view failure) {
  if (contains(failure, "can't lock file") && contains(failure, "got timeout")) return LockWait::file;
  if (contains(failure, "cfs-lock") && contains(failure, "timeout")) return LockWait::file;
  if (contains(failure, "unable to acquire pmxcfs lock")) return LockWait::file;
  if (contains(failure, "VM is locked (")) return LockWait::word;
  return LockWait::none;
}

LockPatience::LockPatience(const Session& session) : session_(&session), begun_(session.clock().now()) {}

bool LockPatience::pause(LockWait wait) {
  if (wait == LockWait::none) return false;
  const auto limit = wait == LockWait::file ? session_->patience().lock_file : session_->patience().lock_word;
  if (session_->clock().now() - begun_ >= limit) return false;
  if (!session_->clock().sleep(next_, session_->stop()))
    throw Error(Errc::interrupted, "stopped while waiting for a lock");
  next_ = std::min(next_ * 2, std::chrono::milliseconds(4000));
  return true;
}

}  // namespace hlid::pve
