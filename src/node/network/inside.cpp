#include "node/network/inside.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/ip.h"
#include "node/network/realm_state.h"
#include "sys/namespaces.h"
#include "sys/unique_fd.h"

namespace hlid::node::network {
namespace {

void join(const sys::ProcessId& anchor) {
  const auto namespaces = sys::Namespaces::of(anchor);
  if (!namespaces)
    throw Error(Errc::precondition, "the realm of process {} is not there", anchor.pid)
        .with_hint("hlid node start");
  namespaces->enter();
}

sys::UniqueFd connect_to(const std::string& address, std::uint16_t port) {
  const auto ip = parse_ipv4(address);
  if (!ip) throw Error(Errc::usage, "'{}' is not an IPv4 address", address);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(port);
  peer.sin_addr.s_addr = htonl(ip->value);
  sys::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0)
    throw system_error(fmt::format("cannot connect to {} port {}", address, port));
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  return socket;
}

/// One direction: reads only when all of the last piece is written, so neither side can make the other one
/// wait.
class Flow {
 public:
  Flow(int from, int to) : from_(from), to_(to) {}

  bool open() const { return !done_; }
  pollfd waited() const {
    if (done_) return {-1, 0, 0};
    return left_ == 0 ? pollfd{from_, POLLIN, 0} : pollfd{to_, POLLOUT, 0};
  }
  /// Moves on; true when the direction has just come to its end.
  bool step() {
    left_ == 0 ? fill() : drain();
    return done_;
  }

 private:
  void fill() {
    const auto got = ::read(from_, buffer_, sizeof buffer_);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    done_ = got <= 0;
    begin_ = 0;
    left_ = got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  void drain() {
    const auto put = ::write(to_, buffer_ + begin_, left_);
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) return;
    done_ = put < 0;
    begin_ += put > 0 ? static_cast<std::size_t>(put) : 0;
    left_ -= put > 0 ? static_cast<std::size_t>(put) : 0;
  }

  int from_;
  int to_;
  char buffer_[65536];
  std::size_t begin_ = 0;
  std::size_t left_ = 0;
  bool done_ = false;
};

/// Ends with the peer's last byte: what the user could still type then would reach nobody.
void splice(int socket) {
  Flow up(STDIN_FILENO, socket);
  Flow down(socket, STDOUT_FILENO);
  while (down.open()) {
    pollfd fds[2] = {up.waited(), down.waited()};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) throw system_error("cannot wait for data");
    if (fds[0].revents != 0 && up.step()) ::shutdown(socket, SHUT_WR);
    if (fds[1].revents != 0) down.step();
  }
}

}  // namespace

void enter_realm(const sys::ProcessId& anchor, bool keep_capabilities, const std::vector<std::string>& argv) {
  join(anchor);
  if (!keep_capabilities) sys::limit_capabilities();
  auto arguments = argv;
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execvp(pointers.front(), pointers.data());
  throw system_error("cannot run '" + argv.front() + "'");
}

void dial(const std::filesystem::path& node_folder, const std::string& address, std::uint16_t port) {
  const auto state = read_realm_state(realm_files(node_folder));
  if (!state)
    throw Error(Errc::precondition, "the node in '{}' has no realm", node_folder.string())
        .with_hint("hlid node start");
  join(state->anchor);
  ::signal(SIGPIPE, SIG_IGN);
  const auto socket = connect_to(address, port);
  for (const int fd : {socket.get(), STDIN_FILENO, STDOUT_FILENO})
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  splice(socket.get());
}

}  // namespace hlid::node::network
