// The QEMU command line of a machine: a pure function of its configuration, the host and the places of its
// files.
//
// Contract: what `qm showcmd` of Proxmox VE prints for the same configuration (recorded:
// tests/golden/cmdline/), but for the differences below, each with its reason. A configuration that cannot be
// run throws wire::ApiError.
//
// Differences from Proxmox's own:
// - `-id`, `+pve0` machine versions: patches of Proxmox's QEMU; the distribution's has neither.
// - splash of `-boot`: a picture that is not ours.
// - `-chardev`/`-mon` qmp-event, `-no-shutdown`: feed Proxmox's event daemon, which ends QEMU after a
//   shutdown; ours ends by itself.
// - `-readconfig *.cfg`: files of Proxmox's package; the same devices are given with `-device`.
// - accel=kvm of `-machine`: implied there by the program's name. Without usable KVM it is accel=tcg, cpu
//   `host` is `max`, and `enforce` and the kvm_ and hv_ flags are left out.
// - script=, downscript= of `-netdev`: the realm makes the taps before QEMU starts.
// - SPICE (qxl, usb, audio): cards are VGA; the channels are left out.
// - aio=io_uring, cache=none: aio=threads, cache=writeback where the host lacks io_uring or O_DIRECT.
// - memory-backend-ram,reserve=off: for machines of more than half of the host's memory, which the kernel may
//   refuse otherwise although they touch little of it.
// - logfile= of `-chardev` serialN: what a machine prints is kept.
// - More vCPUs than the host has are refused there; here machines may overcommit the host.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "node/config/vm_config.h"
#include "node/qemu/devices.h"
#include "node/qemu/host_facts.h"

namespace hlid::node::qemu {

/// Where a volume's data is and how QEMU must open it.
struct VolumeFile {
  std::string path;
  std::string format = "raw";
  bool direct_io = true;  // its file system takes O_DIRECT
  long long size = 0;     // bytes; needed for firmware volumes only
};

struct Places {
  std::string run_folder;                                  // sockets and the pid file: RUN/100.qmp, …
  std::map<std::string, VolumeFile, std::less<>> volumes;  // by volume id (or path) as the config names it
  std::string serial_log_folder =
      {};  // what a serial socket's port puts out is kept: LOG/100.serial0; empty: not
};

/// The whole argv, program first. The config's main section is used; [PENDING] is not.
std::vector<std::string> build_command(Vmid vmid, const config::Section& values, const HostFacts& facts,
                                       const Places& places);

/// Splits `args:` like a shell does (quotes, backslash), without expanding anything. Throws ApiError.
std::vector<std::string> split_words(std::string_view text);

/// The drive's `-drive` and `-device` arguments as hotplug needs them too.
std::string drive_argument(const Drive& drive, const HostFacts& facts, const Places& places);

/// The vCPUs the guest starts with.
int vcpu_count(const config::Section& values);
/// `memory:` in MiB (also `current=2048`).
long long memory_mib(const config::Section& values);
/// Whether QEMU will emulate: no usable KVM, or `kvm: 0`.
bool emulated(const config::Section& values, const HostFacts& facts);

}  // namespace hlid::node::qemu
