#include "node/forward/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"

namespace hlid::node::forward {
namespace {

constexpr int kBacklog = 4096;  ///< the kernel takes net.core.somaxconn if that is less

Error refusal(const Endpoint& endpoint) {
  const auto address = to_string(endpoint.address);
  switch (errno) {
    case EADDRINUSE:
      return Error(Errc::conflict, "port {} of {} is in use by another program", endpoint.port, address)
          .with_hint(
              fmt::format("publish another port, or see who has it: ss -ltnp 'sport = :{}'", endpoint.port));
    case EACCES:
      return Error(Errc::denied, "only root may listen on port {} of {}", endpoint.port, address)
          .with_hint(fmt::format("publish a higher port, or allow it, as root: sysctl -w "
                                 "net.ipv4.ip_unprivileged_port_start={}",
                                 endpoint.port));
    case EADDRNOTAVAIL:
      return Error(Errc::precondition, "this host has no address {}", address)
          .with_hint("listen on 127.0.0.1, on an address of the host, or on 0.0.0.0 for all of them");
    default:
      return system_error(fmt::format("cannot listen on {}", to_string(endpoint)));
  }
}

}  // namespace

sys::UniqueFd listen_on(const Endpoint& endpoint) {
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(static_cast<std::uint16_t>(endpoint.port));
  own.sin_addr.s_addr = htonl(endpoint.address.value);
  sys::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw system_error("cannot make a socket");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::listen(socket.get(), kBacklog) != 0)
    throw refusal(endpoint);
  return socket;
}

Endpoint name_of(const sys::UniqueFd& socket) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size);
  return {Ipv4{ntohl(own.sin_addr.s_addr)}, ntohs(own.sin_port)};
}

}  // namespace hlid::node::forward
