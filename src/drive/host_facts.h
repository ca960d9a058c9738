#pragma once
#include <optional>
#include <string>

namespace hlid::drive {

/// Why guests on this machine run with KVM, or why not. It is used only where it really works: /dev/kvm opens
/// for reading and writing and the processor shows vmx or svm.
struct Acceleration {
  bool kvm = false;
  std::string reason;  ///< "/dev/kvm opens and the processor has vmx", "/dev/kvm does not exist", …
};

Acceleration acceleration_of_this_machine();
/// Pure part: `open_errno` of /dev/kvm (0: it opened), the flags line of /proc/cpuinfo.
Acceleration judge_acceleration(int open_errno, const std::string& cpu_flags);

}  // namespace hlid::drive
