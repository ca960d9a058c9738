#include "guest/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "guest/files.h"

namespace hlid::guest {
namespace {

constexpr const char* kInterfaces = "/sys/class/net";

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

bool write_text(const std::string& path, const char* text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text, std::strlen(text)) > 0;
  ::close(fd);
  return written;
}

sockaddr ipv4_address(std::uint32_t address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = address;
  sockaddr out{};
  std::memcpy(&out, &in, sizeof in);
  return out;
}

/// The requests of netdevice(7), on one interface.
class Interface {
 public:
  explicit Interface(std::string name)
      : name_(std::move(name)), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Interface() {
    if (fd_ >= 0) ::close(fd_);
  }
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;

  bool set_address(const Ipv4& ip) const {
    ifreq request = named();
    request.ifr_addr = ipv4_address(ip.address);
    if (::ioctl(fd_, SIOCSIFADDR, &request) != 0) return false;
    request.ifr_netmask = ipv4_address(ip.mask);
    return ::ioctl(fd_, SIOCSIFNETMASK, &request) == 0;
  }

  bool bring_up() const {
    ifreq request = named();
    if (::ioctl(fd_, SIOCGIFFLAGS, &request) != 0) return false;
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
    return ::ioctl(fd_, SIOCSIFFLAGS, &request) == 0;
  }

 private:
  ifreq named() const {
    ifreq request{};
    std::strncpy(request.ifr_name, name_.c_str(), IFNAMSIZ - 1);
    return request;
  }

  std::string name_;
  int fd_;
};

std::string configure(const std::string& name, const Identity& identity) {
  const Ipv4 ip = parse_ipv4(identity.address);
  if (!ip.ok) return "'" + identity.address + "' is no IPv4 address with a prefix";
  // The network daemon turns it off as well: routers are its own business.
  write_text("/proc/sys/net/ipv6/conf/" + name + "/accept_ra", "0");
  const Interface interface(name);
  if (!interface.set_address(ip)) return failed("cannot set the address of " + name);
  return interface.bring_up() ? "" : failed("cannot bring up " + name);
}

}  // namespace

Ipv4 parse_ipv4(const std::string& cidr) {
  const auto slash = cidr.find('/');
  if (slash == std::string::npos) return {};
  in_addr address{};
  if (::inet_pton(AF_INET, cidr.substr(0, slash).c_str(), &address) != 1) return {};
  const std::string prefix = cidr.substr(slash + 1);
  if (prefix.empty() || prefix.size() > 2 || prefix.find_first_not_of("0123456789") != std::string::npos)
    return {};
  const int bits = std::stoi(prefix);
  if (bits < 1 || bits > 32) return {};
  return {address.s_addr, htonl(~std::uint32_t{0} << (32 - bits)), true};
}

std::string interface_with_mac(const std::string& folder, const std::string& mac) {
  for (const auto& name : names_in(folder))
    if (read_file(folder + "/" + name + "/address") == mac + "\n") return name;
  return {};
}

std::string join_network(const Identity& identity) {
  if (!write_text("/sys/bus/pci/rescan", "1")) return failed("cannot look for network cards");
  const std::string name = interface_with_mac(kInterfaces, identity.mac);
  return name.empty() ? "no network card has the MAC " + identity.mac : configure(name, identity);
}

}  // namespace hlid::guest
