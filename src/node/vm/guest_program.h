// What the node has hlid-guest (src/guest) do inside a machine, through the guest agent. Internal to this
// module.
//
// The functions with a stop token return what the program tells of its work, for the task log; they throw
// Error: failed (it says what it could not do, or the agent refuses), timeout, interrupted, and what
// AgentClient::call throws.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "node/vm/core.h"

namespace hlid::node::vm {

/// Gives the word, with the host's clock and entropy, to the process `waiting` that waits for it in the copy:
/// the machine is itself and in its network when this returns.
std::string take_identity(Core& core, RunningVm& running, std::int64_t waiting, std::stop_token stop);
/// Everything written to its disk: a power cut from then on finds this machine and not the copy. Then the SSH
/// server with the machine's own keys, and what a session needs.
std::string let_people_in(Core& core, RunningVm& running, std::stop_token stop);
/// Has the machine's service manager start what the copy had stopped.
std::string start_services(Core& core, RunningVm& running, std::stop_token stop);

/// Begun and not waited for; what is not done then, the machine's next boot does. Return what the agent
/// refuses, or "".
std::string grow_file_system(RunningVm& running);
std::string adapt_to_memory(RunningVm& running, std::int64_t mib);

}  // namespace hlid::node::vm
