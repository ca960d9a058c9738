#include "node/qemu/agent_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "node/qemu/line_framer.h"
#include "sys/unique_fd.h"
#include "sys/unix_socket.h"

namespace hlid::node::qemu {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

struct CommandTimeout {
  std::string_view command;
  int seconds;
};
constexpr std::array kTimeouts = {
    CommandTimeout{"guest-ping", 3},           CommandTimeout{"guest-fsfreeze-freeze", 3600},
    CommandTimeout{"guest-fsfreeze-thaw", 60}, CommandTimeout{"guest-fstrim", 600},
    CommandTimeout{"guest-file-read", 30},     CommandTimeout{"guest-exec", 30},
    CommandTimeout{"guest-exec-status", 30},   CommandTimeout{"guest-set-user-password", 30},
};

// A file of 16 MiB in base64, or an exec status with both streams full.
constexpr std::size_t kMessageLimit = 64U << 20;

/// One connection: sends lines, receives lines up to a deadline.
class Conversation {
 public:
  Conversation(const std::filesystem::path& socket, const std::string& label, std::string_view command)
      : label_(label), command_(command), fd_(sys::connect_unix(socket)), framer_(kMessageLimit) {}

  void send(std::string_view bytes, Clock::time_point deadline) {
    while (!bytes.empty()) {
      wait(POLLOUT, deadline);
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (sent <= 0) throw Error(Errc::io, "{}", failed("connection closed"));
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  json::object receive(Clock::time_point deadline) {
    while (true) {
      if (const auto line = framer_.next()) {
        json::value message = parse_json(*line, "guest agent");
        if (auto* object = message.if_object()) return std::move(*object);
        throw Error(Errc::protocol, "{}", failed("the agent sent something that is not an object"));
      }
      wait(POLLIN, deadline);
      std::array<char, 65536> buffer;
      const ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) throw Error(Errc::io, "{}", failed("connection closed"));
      framer_.feed({buffer.data(), static_cast<std::size_t>(count)});
    }
  }

  bool delimited() const { return framer_.delimiters() > 0; }

 private:
  std::string failed(std::string_view why) const {
    return fmt::format("{} qmp command '{}' failed - {}", label_, command_, why);
  }

  void wait(short events, Clock::time_point deadline) const {
    while (true) {
      const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()).count();
      pollfd poll_fd{fd_.get(), events, 0};
      const int ready = left > 0 ? ::poll(&poll_fd, 1, static_cast<int>(std::min<long>(left, 1'000'000))) : 0;
      if (ready > 0) return;
      if (ready == 0 && left <= 0) throw Error(Errc::timeout, "{}", failed("got timeout"));
    }
  }

  const std::string& label_;
  std::string command_;
  sys::UniqueFd fd_;
  LineFramer framer_;
};

std::string request(std::string_view command, json::object arguments) {
  json::object message{{"execute", command}};
  if (!arguments.empty()) message["arguments"] = std::move(arguments);
  return to_text(message) + "\n";
}

/// Until the agent answers `id` behind a delimiter; what earlier conversations left behind is skipped.
void synchronise(Conversation& talk, std::uint64_t id, Clock::time_point deadline) {
  // The leading 0xFF makes the agent drop half a message that an earlier client may have left.
  talk.send("\xff" + request("guest-sync-delimited", {{"id", id}}), deadline);
  while (true) {
    const json::object reply = talk.receive(deadline);
    const auto value = get_integer(reply, "return");
    if (talk.delimited() && value && static_cast<std::uint64_t>(*value) == id) return;
  }
}

std::uint64_t first_sync_id() {
  const auto now = Clock::now().time_since_epoch().count();
  return static_cast<std::uint64_t>(now) & 0x3fffffffU;
}

}  // namespace

std::chrono::milliseconds agent_timeout(std::string_view command) {
  for (const auto& entry : kTimeouts) {
    if (entry.command == command) return std::chrono::seconds(entry.seconds);
  }
  return std::chrono::seconds(10);
}

bool agent_answers(std::string_view command) {
  return command != "guest-shutdown" && command.rfind("guest-suspend-", 0) != 0;
}

AgentClient::AgentClient(std::filesystem::path socket, std::string label)
    : socket_(std::move(socket)), label_(std::move(label)), next_sync_(first_sync_id()) {}

/// The right to talk to the agent, from its construction to its end.
class AgentClient::Turn {
 public:
  Turn(AgentClient& client, Milliseconds patience) : client_(client) {
    std::unique_lock guard(client_.mutex_);
    mine_ = client_.freed_.wait_for(guard, patience, [this] { return !client_.busy_; });
    if (!mine_) return;
    client_.busy_ = true;
    sync_id_ = ++client_.next_sync_;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (!mine_) return;
    {
      const std::lock_guard guard(client_.mutex_);
      client_.busy_ = false;
    }
    client_.freed_.notify_one();
  }
  explicit operator bool() const { return mine_; }
  std::uint64_t sync_id() const { return sync_id_; }

 private:
  AgentClient& client_;
  bool mine_ = false;
  std::uint64_t sync_id_ = 0;
};

AgentReply AgentClient::call(std::string_view command, json::object arguments,
                             std::optional<Milliseconds> timeout, Milliseconds sync_timeout) {
  // Queueing behind somebody else's call counts as waiting for the agent, but a slow call is no dead agent.
  const Turn turn(*this, sync_timeout + agent_timeout(command));
  if (!turn) throw Error(Errc::timeout, "{} qmp command '{}' failed - got timeout", label_, command);
  Conversation talk(socket_, label_, command);
  synchronise(talk, turn.sync_id(), Clock::now() + sync_timeout);
  const auto deadline = Clock::now() + timeout.value_or(agent_timeout(command));
  talk.send(request(command, std::move(arguments)), deadline);
  json::object reply;
  try {
    // A command that ends the guest only answers to refuse; the moment we stay also lets QEMU pass it on.
    reply = talk.receive(agent_answers(command) ? deadline : Clock::now() + Milliseconds(500));
  } catch (const Error& error) {
    if (agent_answers(command) || error.code() == Errc::protocol) throw;
    return {};
  }
  if (auto* value = reply.if_contains("return")) return {std::move(*value)};
  const json::value* refusal = reply.if_contains("error");
  if (refusal == nullptr || !refusal->is_object()) {
    throw Error(Errc::protocol, "{} qmp command '{}' failed - the agent answered neither return nor error",
                label_, command);
  }
  const json::object& error = refusal->get_object();
  return {nullptr,
          AgentError{get_string(error, "class").value_or(""), get_string(error, "desc").value_or("")}};
}

bool AgentClient::ping(Milliseconds timeout) {
  try {
    return !call("guest-ping", {}, timeout, timeout).error;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace hlid::node::qemu
