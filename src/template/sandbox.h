#pragma once
#include <stop_token>
#include <string>
#include <vector>

#include "sys/process.h"

namespace hlid::templates {

/// Where the steps run that need to be root over the image's files: a mount and process namespace of their
/// own and, for an ordinary user, a user namespace in which that user is root and the user's subordinate ids
/// are the other users. So files of the image's root are ours outside as well and can be written directly.
/// When hlid dies, the kernel ends all that runs inside, and with it every mount.
class Sandbox {
 public:
  /// `uid`: who we are. Throws Error(precondition) when an ordinary user has no subordinate ids (subuid(5)).
  static Sandbox for_user(unsigned uid, const std::string& subuid_file = "/etc/subuid");
  static Sandbox for_self();
  /// No namespace at all, for files that are just ours.
  static Sandbox none() { return Sandbox({}); }

  const std::vector<std::string>& prefix() const { return prefix_; }
  std::vector<std::string> inside(std::vector<std::string> argv) const;
  /// A program of the image itself.
  std::vector<std::string> in_root(const std::string& root, std::vector<std::string> argv) const;

 private:
  explicit Sandbox(std::vector<std::string> prefix) : prefix_(std::move(prefix)) {}
  std::vector<std::string> prefix_;
};

}  // namespace hlid::templates
