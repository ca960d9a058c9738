#include "support/fake_qmp.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "sys/unix_socket.h"

namespace hlid::test {
namespace {

const json::value& id_of(const json::object& request) {
  static const json::value kNone;
  const auto* id = request.if_contains("id");
  return id != nullptr ? *id : kNone;
}

}  // namespace

void FakePeer::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void FakePeer::reply(const json::object& request, json::value value) const {
  json::object message{{"return", std::move(value)}};
  if (!id_of(request).is_null()) message["id"] = id_of(request);
  send(to_text(message) + "\r\n");
}

void FakePeer::refuse(const json::object& request, std::string_view error_class,
                      std::string_view text) const {
  json::object message{{"error", {{"class", error_class}, {"desc", text}}}};
  if (!id_of(request).is_null()) message["id"] = id_of(request);
  send(to_text(message) + "\r\n");
}

std::optional<json::object> FakePeer::receive() {
  while (true) {
    const auto end = buffered_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      if (!line.empty() && line[0] == '\xff') line.erase(0, 1);
      return parse_json(line).as_object();
    }
    std::array<char, 4096> bytes;
    const ssize_t count = ::read(fd_.get(), bytes.data(), bytes.size());
    if (count <= 0) return std::nullopt;
    buffered_.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

FakeServer::FakeServer(std::function<void(FakePeer&)> serve) : listener_(sys::listen_unix(socket_)) {
  thread_ = std::jthread([this, serve = std::move(serve)](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      sys::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) return;
      ++connections_;
      FakePeer peer(std::move(fd));
      serve(peer);
    }
  });
}

FakeServer::~FakeServer() {
  thread_.request_stop();
  ::shutdown(listener_.get(), SHUT_RDWR);  // wakes accept
  thread_.join();
}

FakeQmpServer::FakeQmpServer(OnCommand on_command)
    : server_([on_command = std::move(on_command)](FakePeer& peer) {
        peer.send(kGreeting);
        while (const auto request = peer.receive()) {
          if (get_string(*request, "execute") == "qmp_capabilities") {
            peer.reply(*request, json::object());
          } else if (!on_command(peer, *request)) {
            peer.hang_up();
            return;
          }
        }
      }) {}

FakeAgent::FakeAgent(OnCommand on_command, bool alive)
    : server_([on_command = std::move(on_command), alive](FakePeer& peer) {
        while (const auto request = peer.receive()) {
          if (!alive) continue;
          if (get_string(*request, "execute") == "guest-sync-delimited") {
            peer.send("\xff" + to_text(json::object{{"return", request->at("arguments").at("id")}}) + "\n");
          } else {
            on_command(peer, *request);
          }
        }
      }) {}

}  // namespace hlid::test
