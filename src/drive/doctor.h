#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "pve/session.h"
#include "sys/process.h"

/// What a host or a server lacks, each with the one command that mends it.
namespace hlid::drive {

struct Check {
  enum class State { ok, warning, failed };
  std::string name;
  State state = State::ok;
  std::string detail;
  std::string fix;  ///< a command line; empty: nothing to do
};

/// This computer as an embedded node: programs, KVM, namespaces, /dev/net/tun, room on disk.
std::vector<Check> check_this_machine(sys::ProcessRunner& processes, const std::filesystem::path& home);
/// A Proxmox VE: does it answer, may the token do what hlid does.
std::vector<Check> check_server(const pve::Session& session);

/// What a token needs, on "/" or on what it manages. Proxmox 9 replaced VM.Monitor by VM.GuestAgent.*.
std::vector<std::string> needed_privileges(const std::string& release);
/// The exact lines that make a user, a role and a token with those privileges.
std::string pveum_lines(const std::string& release);

}  // namespace hlid::drive
