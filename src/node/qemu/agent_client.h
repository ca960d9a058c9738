// The guest agent of one machine (QEMU docs/interop/qemu-ga.json), over the virtio-serial port's unix socket.
//
// Contract: calls from several threads are done one after the other. Each call connects, synchronises with
// guest-sync-delimited (so that replies to calls that timed out earlier are never taken for its own), sends
// one command and waits for one reply. QEMU accepts the connection whether or not an agent runs in the guest;
// a guest without one is known only by its silence.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace hlid::node::qemu {

struct AgentError {
  std::string error_class;  // GenericError, CommandNotFound, …
  std::string description;
};

/// What the agent answered: its `return`, or its refusal.
struct AgentReply {
  json::value value = nullptr;
  std::optional<AgentError> error = {};
};

/// How long the agent may take for `command` (most: 10 s; freezing file systems: an hour).
std::chrono::milliseconds agent_timeout(std::string_view command);
/// Commands that end the guest, so that no reply is a success.
bool agent_answers(std::string_view command);

class AgentClient {
 public:
  /// `label` ("VM 100") begins error texts. Does not connect yet.
  AgentClient(std::filesystem::path socket, std::string label);

  /// Throws Error: timeout when the agent is silent ("VM 100 qmp command 'guest-ping' failed - got timeout"),
  /// not_found when there is no socket, io when QEMU goes away meanwhile, protocol for nonsense.
  /// `sync_timeout` is how long an absent agent is waited for.
  AgentReply call(std::string_view command, json::object arguments = {},
                  std::optional<std::chrono::milliseconds> timeout = std::nullopt,
                  std::chrono::milliseconds sync_timeout = std::chrono::milliseconds(3000));
  /// True if an agent answers within `timeout`. Never throws for a silent or absent one.
  bool ping(std::chrono::milliseconds timeout = std::chrono::milliseconds(3000));

 private:
  std::filesystem::path socket_;
  std::string label_;
  class Turn;
  std::mutex mutex_;  // guards busy_ and next_sync_
  std::condition_variable freed_;
  bool busy_ = false;  // a conversation is going on: the port carries only one
  std::uint64_t next_sync_;
};

}  // namespace hlid::node::qemu
