#include "node/qemu/qmp_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "node/qemu/line_framer.h"
#include "sys/unique_fd.h"
#include "sys/unix_socket.h"

namespace hlid::node::qemu {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

struct CommandTimeout {
  std::string_view command;
  int seconds;
};
// Commands that write memory, wait for a disk or for the guest; everything else answers at once or is stuck.
constexpr std::array kTimeouts = {
    CommandTimeout{"blockdev-snapshot-internal-sync", 600},
    CommandTimeout{"blockdev-snapshot-delete-internal-sync", 600},
    CommandTimeout{"savevm-start", 600},
    CommandTimeout{"savevm-end", 600},
    CommandTimeout{"block_resize", 60},
    CommandTimeout{"block-job-cancel", 600},
    CommandTimeout{"block-job-complete", 600},
    CommandTimeout{"blockdev-add", 60},
    CommandTimeout{"blockdev-del", 60},
    CommandTimeout{"human-monitor-command", 60},
    CommandTimeout{"cont", 60},
    CommandTimeout{"stop", 60},
    CommandTimeout{"migrate", 60},
    CommandTimeout{"quit", 20},
    CommandTimeout{"device_add", 20},
    CommandTimeout{"query-blockstats", 10},
};

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string string_of(const json::object& object, std::string_view key) {
  return get_string(object, key).value_or("");
}

/// The member `key` when it is an object.
const json::object* member(const json::object* object, std::string_view key) {
  const json::value* value = object != nullptr ? object->if_contains(key) : nullptr;
  return value != nullptr ? value->if_object() : nullptr;
}

std::string version_of(const json::object& greeting) {
  const json::object* version = member(member(member(&greeting, "QMP"), "version"), "qemu");
  if (version == nullptr) return {};
  const auto part = [version](std::string_view key) { return get_integer(*version, key).value_or(0); };
  return fmt::format("{}.{}.{}", part("major"), part("minor"), part("micro"));
}

}  // namespace

Milliseconds qmp_timeout(std::string_view command) {
  for (const auto& entry : kTimeouts) {
    if (entry.command == command) return std::chrono::seconds(entry.seconds);
  }
  return std::chrono::seconds(5);
}

/// What the client and its reader thread share. The descriptor is closed only when both are done with it.
struct QmpClient::State {
  struct Pending {
    bool done = false;
    json::object reply = {};  // empty when the connection ended
  };

  Options options;
  sys::UniqueFd fd;
  std::mutex send_mutex;  // one message at a time; held across send(2), which is what it is for

  mutable std::mutex mutex;  // guards all below
  std::condition_variable changed;
  std::map<std::uint64_t, std::shared_ptr<Pending>> waiting;
  std::deque<std::string> transcript;
  std::uint64_t next_id = 1;
  bool open = true;
  std::string closed_because;

  void note(char direction, std::string_view line) {
    constexpr std::size_t kShown = 512;
    const std::lock_guard guard(mutex);
    transcript.push_back(std::string(1, direction) + " " + std::string(line.substr(0, kShown)));
    while (transcript.size() > options.transcript_lines) transcript.pop_front();
  }

  void close(const std::string& reason) {
    {
      const std::lock_guard guard(mutex);
      if (!open) return;
      open = false;
      closed_because = reason;
      for (auto& [id, pending] : waiting) pending->done = true;
      waiting.clear();
    }
    changed.notify_all();
    if (options.on_closed) options.on_closed(reason);
  }

  void on_message(const std::string& line) {
    note('<', line);
    const json::value message = parse_json(line, "QMP");
    const json::object* object = message.if_object();
    if (object == nullptr) throw Error(Errc::protocol, "QMP sent something that is not an object");
    if (object->contains("event")) return on_event(*object);
    const auto id = get_integer(*object, "id");
    if (!id) return;  // the greeting, or an error about a message that was no JSON
    const std::lock_guard guard(mutex);
    const auto at = waiting.find(static_cast<std::uint64_t>(*id));
    if (at == waiting.end()) return;  // the reply to a command that timed out
    at->second->reply = *object;
    at->second->done = true;
    waiting.erase(at);
    changed.notify_all();
  }

  void on_event(const json::object& message) {
    if (!options.on_event) return;
    QmpEvent event{string_of(message, "event"), {}, 0};
    if (const auto* data = member(&message, "data")) event.data = *data;
    if (const auto* at = member(&message, "timestamp"))
      event.seconds = get_integer(*at, "seconds").value_or(0);
    options.on_event(std::move(event));
  }

  /// The reader thread: until the peer, an error or shutdown(2) by the owner ends the stream.
  void read_loop(LineFramer framer) {
    std::string reason = "connection closed";
    try {
      std::array<char, 65536> buffer;
      while (true) {
        while (const auto line = framer.next()) on_message(*line);
        const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        framer.feed({buffer.data(), static_cast<std::size_t>(count)});
      }
    } catch (const std::exception& error) {
      reason = error.what();
    }
    ::shutdown(fd.get(), SHUT_RDWR);
    close(reason);
  }
};

namespace {

/// The next line before `deadline`, for the greeting, when there is no reader thread yet.
std::string read_line(int fd, LineFramer& framer, SteadyTime deadline, const std::string& label) {
  std::array<char, 4096> buffer;
  while (true) {
    if (auto line = framer.next()) return *line;
    const auto left =
        std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd poll_fd{fd, POLLIN, 0};
    const int ready = left > 0 ? ::poll(&poll_fd, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) throw Error(Errc::timeout, "{} did not send its QMP greeting - got timeout", label);
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw Error(Errc::io, "{} closed its QMP connection before the greeting", label);
    framer.feed({buffer.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace

std::unique_ptr<QmpClient> QmpClient::connect(const std::filesystem::path& socket, Options options,
                                              Milliseconds timeout) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  auto state = std::make_shared<State>();
  state->options = std::move(options);
  state->fd = sys::connect_unix(socket);
  LineFramer framer(state->options.message_limit);
  const std::string line = read_line(state->fd.get(), framer, deadline, state->options.label);
  const json::value greeting = parse_json(line, "QMP");
  if (!greeting.is_object() || !greeting.get_object().contains("QMP")) {
    throw Error(Errc::protocol, "{} did not send a QMP greeting", state->options.label);
  }
  state->note('<', line);
  std::string version = version_of(greeting.get_object());
  std::jthread reader([state, framer] { state->read_loop(framer); });
  std::unique_ptr<QmpClient> client(new QmpClient(std::move(state), std::move(version), std::move(reader)));
  client->execute("qmp_capabilities", {}, timeout);
  return client;
}

QmpClient::QmpClient(std::shared_ptr<State> state, std::string version, std::jthread reader)
    : state_(std::move(state)), version_(std::move(version)), reader_(std::move(reader)) {}

QmpClient::~QmpClient() {
  ::shutdown(state_->fd.get(), SHUT_RDWR);
  if (reader_.get_id() == std::this_thread::get_id()) {
    reader_.detach();  // destroyed from on_closed: the thread ends by itself
  } else {
    reader_.join();
  }
}

json::value QmpClient::execute(std::string_view command, json::object arguments,
                               std::optional<Milliseconds> timeout) {
  const auto state = state_;  // on_closed may destroy this object while we wait
  const auto failed = [&state, command](std::string_view why) {
    return fmt::format("{} qmp command '{}' failed - {}", state->options.label, command, why);
  };
  auto pending = std::make_shared<State::Pending>();
  std::uint64_t id = 0;
  {
    const std::lock_guard guard(state->mutex);
    if (!state->open) throw Error(Errc::io, failed(state->closed_because));
    id = state->next_id++;
    state->waiting.emplace(id, pending);
  }
  json::object message{{"execute", command}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = std::move(arguments);
  const std::string line = to_text(message) + "\n";
  state->note('>', line.substr(0, line.size() - 1));
  bool sent = false;
  {
    const std::lock_guard guard(state->send_mutex);
    sent = send_all(state->fd.get(), line);
  }
  std::unique_lock guard(state->mutex);
  if (!sent && !pending->done) {
    state->waiting.erase(id);
    throw Error(Errc::io, failed("connection closed"));
  }
  const auto done = [&pending] { return pending->done; };
  if (!state->changed.wait_for(guard, timeout.value_or(qmp_timeout(command)), done)) {
    state->waiting.erase(id);
    throw Error(Errc::timeout, failed("got timeout"));
  }
  if (const auto* value = pending->reply.if_contains("return")) return std::move(*value);
  if (pending->reply.empty()) throw Error(Errc::io, failed(state->closed_because));
  const json::object* refusal = member(&pending->reply, "error");
  const json::object error = refusal != nullptr ? *refusal : json::object();
  const std::string description = string_of(error, "desc");
  throw QmpError(failed(description), string_of(error, "class"), description);
}

bool QmpClient::is_open() const {
  const std::lock_guard guard(state_->mutex);
  return state_->open;
}

std::vector<std::string> QmpClient::transcript() const {
  const std::lock_guard guard(state_->mutex);
  return {state_->transcript.begin(), state_->transcript.end()};
}

}  // namespace hlid::node::qemu
