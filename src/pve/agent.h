#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "pve/session.h"
#include "pve/vms.h"

/// The way into a machine: its guest agent. (qemu-server, API2/Qemu/Agent.pm; QEMU,
/// docs/interop/qemu-ga-ref.)
namespace hlid::pve {

/// True when it answers now; false for "not running" and timeouts of it. Other failures are thrown.
bool agent_ping(const Session& session, const VmRef& vm);

struct GuestInterface {
  std::string name, mac;
  std::vector<Cidr> addresses;  ///< IPv4
};
std::vector<GuestInterface> guest_interfaces(const Session& session, const VmRef& vm);

struct ExecResult {
  int status = 0;  ///< exit status; 128 + n for signal n
  std::string output, error_output;
  bool ok() const { return status == 0; }
};

struct ExecRequest {
  std::vector<std::string> command;  ///< argv; argv[0] an absolute path or found in the guest's PATH
  std::string input = {};            ///< at most 64 KiB
  std::chrono::milliseconds timeout{60'000};
};

/// Runs a program in the guest, as root, and waits for it. Throws Error(timeout) when it takes longer (it
/// goes on running there).
ExecResult guest_exec(const Session& session, const VmRef& vm, const ExecRequest& request);
/// nullopt when the file does not exist. At most 16 MiB.
std::optional<std::string> guest_read_file(const Session& session, const VmRef& vm, const std::string& path);
/// At most 45 KiB.
void guest_write_file(const Session& session, const VmRef& vm, const std::string& path,
                      const std::string& content);

}  // namespace hlid::pve
