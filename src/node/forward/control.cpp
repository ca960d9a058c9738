#include "node/forward/control.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "sys/unix_socket.h"

namespace hlid::node::forward {
namespace {

constexpr std::size_t kLongest = 1U << 20;
constexpr std::chrono::milliseconds kPatience{1000};  ///< with a caller that does not read its answer

void limit_waiting(int socket, std::chrono::milliseconds patience) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const std::chrono::microseconds rest = patience - seconds;
  const timeval time{.tv_sec = seconds.count(), .tv_usec = rest.count()};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    ::setsockopt(socket, SOL_SOCKET, option, &time, sizeof time);
}

/// False when the other side is gone or does not take it.
bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const auto put = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

json::object refusal(const Error& error) {
  return {{"error", error.what()}, {"hint", error.hint()}, {"kind", static_cast<int>(error.code())}};
}

Errc kind_of(const json::object& answer) {
  const auto kind = get_integer(answer, "kind").value_or(0);
  return kind >= 0 && kind <= static_cast<int>(Errc::unsupported) ? static_cast<Errc>(kind) : Errc::failed;
}

std::string read_line(int socket) {
  std::string text;
  std::array<char, 4096> piece;
  while (text.find('\n') == std::string::npos) {
    const auto got = ::recv(socket, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) throw Error(Errc::timeout, "the forwarder does not answer");
    if (got <= 0 || text.size() > kLongest) throw Error(Errc::protocol, "the forwarder gave no answer");
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

Control::Control(EventLoop& loop, const std::filesystem::path& socket, AnswerTo answer)
    : loop_(loop),
      answer_(std::move(answer)),
      listener_(sys::listen_unix(socket)),
      watch_(loop, listener_.get(), [this] { accept_one(); }) {
  watch_.want(Watch::For::reading);
}

void Control::accept_one() {
  sys::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) return;
  limit_waiting(fd.get(), kPatience);
  const int id = ++last_id_;
  auto& caller = callers_[id];
  caller.fd = std::move(fd);
  caller.watch = std::make_unique<Watch>(loop_, caller.fd.get(), [this, id] { read_from(id); });
  caller.watch->want(Watch::For::reading);
}

void Control::read_from(int id) {
  auto& caller = callers_.at(id);
  std::array<char, 4096> piece;
  const auto got = ::recv(caller.fd.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got > 0) caller.text.append(piece.data(), static_cast<std::size_t>(got));
  const auto end = caller.text.find('\n');
  if (end == std::string::npos && got > 0 && caller.text.size() <= kLongest) return;
  if (end != std::string::npos) {
    json::object answer;
    try {
      answer = answer_(parse_json(caller.text.substr(0, end), "the question").as_object());
    } catch (const Error& error) {
      answer = refusal(error);
    } catch (const std::exception& error) {
      answer = refusal(Error(Errc::protocol, "{}", error.what()));
    }
    send_all(caller.fd.get(), to_text(answer) + "\n");
  }
  callers_.erase(id);
}

json::object ask(const std::filesystem::path& socket, const json::object& question,
                 std::chrono::milliseconds patience) {
  const auto fd = sys::connect_unix(socket);
  limit_waiting(fd.get(), patience);
  if (!send_all(fd.get(), to_text(question) + "\n"))
    throw Error(Errc::protocol, "the forwarder takes no question");
  const auto answer = parse_json(read_line(fd.get()), "the forwarder's answer");
  if (!answer.is_object()) throw Error(Errc::protocol, "the forwarder's answer is no object");
  const auto& object = answer.get_object();
  if (const auto error = get_string(object, "error")) {
    Error failure(kind_of(object), "{}", *error);
    failure.with_hint(get_string(object, "hint").value_or(""));
    throw failure;
  }
  return object;
}

}  // namespace hlid::node::forward
