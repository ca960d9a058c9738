#include "support/tcp_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace hlid::test {
namespace {

sockaddr_in address_of(const std::string& address, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

}  // namespace

TcpClient::TcpClient(int port, const std::string& address)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{60, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const auto peer = address_of(address, port);
  connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0;
}

bool TcpClient::say(const std::string& text) {
  return ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

void TcpClient::end() {
  ::shutdown(fd_.get(), SHUT_WR);
}

std::string TcpClient::hear(std::size_t size) {
  std::string text(size, '\0');
  std::size_t got = 0;
  for (ssize_t now = 0; got < size && (now = ::recv(fd_.get(), text.data() + got, size - got, 0)) > 0;)
    got += static_cast<std::size_t>(now);
  text.resize(got);
  return text;
}

TakenPort::TakenPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto own = address_of("127.0.0.1", 0);
  socklen_t size = sizeof own;
  ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), size);
  ::listen(fd_.get(), 1);
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&own), &size);
  number_ = ntohs(own.sin_port);
}

int free_port() {
  return TakenPort().number();
}

}  // namespace hlid::test
