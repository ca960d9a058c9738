// Running a program in a guest through its agent and waiting for it.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "node/qemu/agent_client.h"

namespace hlid::sys {
class Clock;
}

namespace hlid::node::qemu {

struct GuestExit {
  int status = 0;  ///< exit status; 128 + signal when it was killed
  std::string output;
  std::string error_output;
};

struct GuestCommand {
  std::vector<std::string> argv;
  std::string input = {};
  std::chrono::milliseconds timeout{60'000};
  std::chrono::milliseconds poll{200};
};

/// The steps of run_in_guest(): begin() returns the process's number in the guest. Throw as that does.
std::int64_t begin_in_guest(AgentClient& agent, const GuestCommand& command);
GuestExit end_in_guest(AgentClient& agent, sys::Clock& clock, std::int64_t pid, const GuestCommand& command,
                       std::stop_token stop = {});

/// Writes into a file of the guest, at once and from its beginning. Throws Error: failed when the agent
/// refuses, and what AgentClient::call throws.
void write_in_guest(AgentClient& agent, const std::string& path, std::string_view bytes);

/// Throws Error: failed when the agent refuses (no such program), timeout, interrupted, and what
/// AgentClient::call throws. A program that takes too long runs on in the guest.
GuestExit run_in_guest(AgentClient& agent, sys::Clock& clock, const GuestCommand& command,
                       std::stop_token stop = {});

}  // namespace hlid::node::qemu
