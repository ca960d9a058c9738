// What the command line and the life cycle must know of the host, measured once at the daemon's start.
#pragma once

#include <string>
#include <string_view>

namespace hlid::sys {
class ProcessRunner;
}

namespace hlid::node::qemu {

struct HostFacts {
  std::string qemu_binary = "/usr/bin/qemu-system-x86_64";
  std::string qemu_version;  // "7.2.22", empty when not known
  bool kvm = false;          // really usable: the device opens and the CPU has vmx or svm
  std::string kvm_reason;    // why not, for people; empty when usable
  bool io_uring = true;      // QEMU's aio=io_uring works here
  int cpus = 1;
  long long memory_mib = 0;  // 0: not known
  std::string ovmf_code;     // firmware images of this distribution, empty when not installed
  std::string ovmf_vars;

  /// Compares the version's numbers: at_least(7, 2).
  bool qemu_at_least(int major, int minor) const;
};

/// Runs `qemu-system-x86_64 --version` and looks at /dev/kvm and /proc/cpuinfo. Throws Error(precondition)
/// with a hint when QEMU is not installed.
HostFacts measure_host(sys::ProcessRunner& processes);
/// KVM by decision 9 of the design: `cpuinfo` is the text of /proc/cpuinfo, `device` whether /dev/kvm opens
/// read-write.
bool kvm_works(bool device, std::string_view cpuinfo, std::string& reason);

}  // namespace hlid::node::qemu
