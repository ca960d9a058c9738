#pragma once
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "model/homelab.h"
#include "pve/vms.h"

namespace hlid::drive {

/// The lab's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): each machine under its own name, which ssh
/// is told as HostKeyAlias, and under its address. The keys are asked of the guest agent, so no connection is
/// ever trusted blindly. Thread-safe within one process; the caller holds the lab's lock against others.
class HostKeys {
 public:
  explicit HostKeys(std::filesystem::path file) : file_(std::move(file)) {}

  /// Asks the machine for its public host keys and replaces what was known of it. False when it has none.
  bool learn(const pve::Session& session, const pve::VmRef& vm, const model::Machine& machine, int ssh_port);
  void forget(const std::string& name);
  bool knows(const std::string& name) const;
  const std::filesystem::path& file() const { return file_; }

 private:
  void replace(const std::string& name, const std::vector<std::string>& lines);

  std::filesystem::path file_;
  mutable std::mutex mutex_;  ///< held across the file's rewriting: it is the lock of that file
};

}  // namespace hlid::drive
