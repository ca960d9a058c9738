#include "node/forward/dial.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace hlid::node::forward {
namespace {

/// A socket that connects to `to`; without, `error` says why.
sys::UniqueFd begin(SocketSource& sockets, const Endpoint& to, std::string& error) {
  sys::UniqueFd socket;
  try {
    socket = sockets.make();
  } catch (const Error& failure) {
    error = failure.what();
    return {};
  }
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(to.port));
  peer.sin_addr.s_addr = htonl(to.address.value);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0 ||
      errno == EINPROGRESS)
    return socket;
  error = std::strerror(errno);
  return {};
}

}  // namespace

Dial::Dial(EventLoop& loop, SocketSource& sockets, const Endpoint& to, std::chrono::milliseconds patience,
           Done done)
    : done_(std::move(done)),
      socket_(begin(sockets, to, early_error_)),
      watch_(loop, socket_.get(), [this] { has_changed(); }),
      deadline_(loop, socket_ ? loop.now() + patience : loop.now(),
                [this] { end(socket_ ? "no answer" : early_error_); }) {
  if (socket_) watch_.want(Watch::For::writing);
}

void Dial::has_changed() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  end(error == 0 ? "" : std::strerror(error));
}

void Dial::end(const std::string& error) {
  const auto text = error;  // of ours, maybe
  watch_.want(Watch::For::nothing);
  const auto done = std::move(done_);
  done(text.empty() ? std::move(socket_) : sys::UniqueFd(), text);  // `this` may be gone now
}

}  // namespace hlid::node::forward
