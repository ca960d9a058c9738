#include "node/forward/socket_source.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/error.h"

namespace hlid::node::forward {
namespace {

constexpr std::size_t kBatch = 32;
constexpr char kMore = 'm';

/// Room for kBatch descriptors in a control message (cmsg(3)).
struct Envelope {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kBatch * sizeof(int))> control{};
  char byte = kMore;
  iovec part{&byte, 1};
  msghdr message{};

  Envelope() {
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
};

std::vector<sys::UniqueFd> make_batch() {
  std::vector<sys::UniqueFd> sockets;
  OwnSockets source;
  while (sockets.size() < kBatch) {
    try {
      sockets.push_back(source.make());
    } catch (const Error&) {
      if (sockets.empty()) throw;
      break;  // out of descriptors: what there is will do
    }
  }
  return sockets;
}

void send_batch(int peer, const std::vector<sys::UniqueFd>& sockets) {
  Envelope envelope;
  std::array<int, kBatch> numbers{};
  for (std::size_t i = 0; i < sockets.size(); ++i) numbers.at(i) = sockets[i].get();
  const std::size_t size = sockets.size() * sizeof(int);
  envelope.message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* header = CMSG_FIRSTHDR(&envelope.message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(header), numbers.data(), size);
  if (::sendmsg(peer, &envelope.message, MSG_NOSIGNAL) != 1) throw system_error("cannot hand out sockets");
}

}  // namespace

sys::UniqueFd OwnSockets::make() {
  sys::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw system_error("cannot make a socket");
  return socket;
}

FetchedSockets::FetchedSockets(sys::UniqueFd peer) : peer_(std::move(peer)) {
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(peer_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

void FetchedSockets::fetch() {
  Envelope envelope;
  if (::send(peer_.get(), &kMore, 1, MSG_NOSIGNAL) != 1)
    throw system_error("whoever makes sockets in the realm is gone");
  if (::recvmsg(peer_.get(), &envelope.message, MSG_CMSG_CLOEXEC) != 1)
    throw Error(Errc::io, "whoever makes sockets in the realm does not answer");
  for (cmsghdr* header = CMSG_FIRSTHDR(&envelope.message); header != nullptr;
       header = CMSG_NXTHDR(&envelope.message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, kBatch> numbers{};
    const std::size_t size = header->cmsg_len - CMSG_LEN(0);
    std::memcpy(numbers.data(), CMSG_DATA(header), size);
    for (const int number : std::span(numbers).first(size / sizeof(int))) ready_.emplace_back(number);
  }
  if (ready_.empty()) throw Error(Errc::io, "no sockets came from the realm");
}

sys::UniqueFd FetchedSockets::make() {
  if (ready_.empty()) fetch();
  auto socket = std::move(ready_.back());
  ready_.pop_back();
  return socket;
}

void serve_sockets(int peer) {
  for (;;) {
    char byte = 0;
    const auto got = ::read(peer, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    send_batch(peer, make_batch());
  }
}

}  // namespace hlid::node::forward
