#include "sys/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace hlid::sys {
namespace {

struct Address {
  sockaddr_un value{};
  UniqueFd folder;  // keeps /proc/self/fd/N alive while the address is used
};

Address address_of(const std::filesystem::path& path) {
  Address address;
  address.value.sun_family = AF_UNIX;
  std::string text = path.string();
  if (text.size() >= sizeof address.value.sun_path) {
    address.folder.reset(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    text = fmt::format("/proc/self/fd/{}/{}", address.folder.get(), path.filename().string());
  }
  if (text.size() >= sizeof address.value.sun_path)
    throw Error(Errc::io, "socket path '{}' is too long", path.string());
  std::memcpy(address.value.sun_path, text.c_str(), text.size() + 1);
  return address;
}

UniqueFd new_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw system_error("cannot create a socket");
  return fd;
}

/// The one cast that the sockets API asks for.
const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

bool is_dead(const std::filesystem::path& path) {
  const Address address = address_of(path);
  const UniqueFd fd = new_socket();
  return ::connect(fd.get(), generic(address.value), sizeof address.value) != 0 && errno == ECONNREFUSED;
}

}  // namespace

UniqueFd connect_unix(const std::filesystem::path& path) {
  const Address address = address_of(path);
  UniqueFd fd = new_socket();
  if (::connect(fd.get(), generic(address.value), sizeof address.value) == 0) return fd;
  if (errno == ENOENT || errno == ECONNREFUSED)
    throw Error(Errc::not_found, "nobody listens on '{}'", path.string());
  throw system_error("cannot connect to '" + path.string() + "'");
}

UniqueFd listen_unix(const std::filesystem::path& path, int backlog) {
  if (is_dead(path)) ::unlink(path.c_str());
  const Address address = address_of(path);
  UniqueFd fd = new_socket();
  ::fchmod(fd.get(), 0600);
  if (::bind(fd.get(), generic(address.value), sizeof address.value) != 0)
    throw system_error("cannot listen on '" + path.string() + "'");
  ::chmod(path.c_str(), 0600);
  if (::listen(fd.get(), backlog) != 0) throw system_error("cannot listen on '" + path.string() + "'");
  return fd;
}

}  // namespace hlid::sys
