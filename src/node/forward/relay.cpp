#include "node/forward/relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace hlid::node::forward {
namespace {

constexpr int kPiecesPerTurn = 16;  ///< then others get their turn

bool would_wait() {
  return errno == EAGAIN;
}

Watch::For wanted(bool reading, bool writing) {
  if (reading && writing) return Watch::For::both;
  if (reading) return Watch::For::reading;
  return writing ? Watch::For::writing : Watch::For::nothing;
}

}  // namespace

/// True when all is written; else the rest is kept, or the direction is over.
bool Flow::drain(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const auto put = ::send(to_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      if (!would_wait()) {
        state_ = State::refused;
        bytes = {};
      }
      kept_.assign(bytes.begin(), bytes.end());
      return false;
    }
    moved_ += static_cast<std::uint64_t>(put);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  kept_ = std::string();  // not clear(): an idle direction keeps no memory
  return true;
}

/// True when there may be more to read.
bool Flow::fill(std::span<char> scratch) {
  const auto got = ::recv(from_, scratch.data(), scratch.size(), 0);
  if (got > 0) {
    const auto size = static_cast<std::size_t>(got);
    return drain(scratch.first(size)) && size == scratch.size();
  }
  if (got == 0) {
    state_ = State::finished;
    ::shutdown(to_, SHUT_WR);
  } else if (errno != EINTR && !would_wait()) {
    state_ = State::broken;
  }
  return got < 0 && errno == EINTR;
}

void Flow::move(std::span<char> scratch) {
  if (state_ != State::open) return;
  if (!kept_.empty()) {
    const std::string kept = std::move(kept_);
    if (!drain(kept)) return;
  }
  for (int piece = 0; piece < kPiecesPerTurn; ++piece)
    if (!fill(scratch)) return;
}

Relay::Relay(sys::UniqueFd client, sys::UniqueFd server)
    : client_(std::move(client)),
      server_(std::move(server)),
      up_(client_.get(), server_.get()),
      down_(server_.get(), client_.get()) {}

Relay::~Relay() {
  const auto cut = [](const Flow& flow) {
    return flow.state() == Flow::State::open || flow.state() == Flow::State::broken;
  };
  if (!cut(up_) && !cut(down_)) return;
  reset_on_close(client_.get());
  reset_on_close(server_.get());
}

void Relay::move(std::span<char> scratch) {
  up_.move(scratch);
  down_.move(scratch);
}

/// A reset ends both directions; whoever takes no more may still have something to say.
bool Relay::is_over() const {
  if (up_.state() == Flow::State::broken || down_.state() == Flow::State::broken) return true;
  return up_.state() != Flow::State::open && down_.state() != Flow::State::open;
}

Watch::For Relay::wanted_of_client() const {
  return wanted(up_.wants_to_read(), down_.wants_to_write());
}

Watch::For Relay::wanted_of_server() const {
  return wanted(down_.wants_to_read(), up_.wants_to_write());
}

void reset_on_close(int socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void set_up_stream(int socket) {
  const int on = 1, idle = 60, interval = 15, count = 4;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace hlid::node::forward
