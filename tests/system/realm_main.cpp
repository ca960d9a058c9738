// The realm tests' program. With a probe's name as its first word it is that probe, which the tests run
// inside of the realm; else it runs the tests, as the user HLID_TEST_AS_USER when that is set (by root only).
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "support/ordinary_user.h"

namespace {

sockaddr_in address_of(const char* ip, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, ip, &address.sin_addr);
  return address;
}

void limit_waiting(int fd) {
  const timeval patience{3, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/// attach TAP QUEUES: what QEMU does with `-netdev tap,ifname=TAP,queues=QUEUES`.
int attach(const char* name, int queues) {
  for (int i = 0; i < queues; ++i) {
    const int fd = ::open("/dev/net/tun", O_RDWR);
    ifreq request{};
    std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags =
        static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0));
    if (fd < 0 || ::ioctl(fd, TUNSETIFF, &request) != 0) return std::perror("attach"), 1;
  }
  std::puts("attached");
  return 0;
}

/// resolve SERVER NAME: one DNS question (RFC 1035, section 4.1) for its IPv4 address.
int resolve(const char* server, std::string name) {
  std::string question("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  name += '.';
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
    question += static_cast<char>(dot);
    question += name.substr(0, dot);
    name.erase(0, dot + 1);
  }
  question += std::string("\0\0\1\0\1", 5);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  limit_waiting(fd);
  const auto address = address_of(server, 53);
  ::sendto(fd, question.data(), question.size(), 0, reinterpret_cast<const sockaddr*>(&address),
           sizeof address);
  unsigned char answer[512];
  const auto got = ::recv(fd, answer, sizeof answer, 0);
  if (got < 12) return std::perror("resolve"), 1;
  if (answer[7] == 0) return std::puts("no such name"), 0;
  const auto* last = answer + got - 4;
  return std::printf("%u.%u.%u.%u\n", last[0], last[1], last[2], last[3]), 0;
}

/// fetch ADDRESS PORT: all that the peer says.
int fetch(const char* ip, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  limit_waiting(fd);
  const auto address = address_of(ip, port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::perror("connect"), 1;
  char buffer[256];
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;)
    std::fwrite(buffer, 1, static_cast<std::size_t>(got), stdout);
  return 0;
}

/// discover MAC: the address that a DHCP server offers to it on eth0 (RFC 2131, section 4.3.1).
int discover(const std::string& mac) {
  unsigned char packet[548] = {1, 1, 6, 0, 7, 7, 7, 7};
  packet[10] = 0x80;  // answer by broadcast: no address is ours yet
  for (std::size_t i = 0; i < 6; ++i)
    packet[28 + i] = static_cast<unsigned char>(std::strtoul(mac.substr(i * 3, 2).c_str(), nullptr, 16));
  const unsigned char options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255};
  std::memcpy(packet + 236, options, sizeof options);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const int on = 1;
  limit_waiting(fd);
  ::setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5);
  const auto client = address_of("0.0.0.0", 68);
  const auto everybody = address_of("255.255.255.255", 67);
  ::bind(fd, reinterpret_cast<const sockaddr*>(&client), sizeof client);
  ::sendto(fd, packet, sizeof packet, 0, reinterpret_cast<const sockaddr*>(&everybody), sizeof everybody);
  unsigned char answer[1500];
  if (::recv(fd, answer, sizeof answer, 0) < 240) return std::perror("discover"), 1;
  return std::printf("%u.%u.%u.%u\n", answer[16], answer[17], answer[18], answer[19]), 0;
}

void send_back(int peer) {
  std::vector<char> buffer(65536);
  for (ssize_t got = 0; (got = ::read(peer, buffer.data(), buffer.size())) > 0;)
    for (ssize_t done = 0, put = 0;
         done < got && (put = ::write(peer, buffer.data() + done, static_cast<std::size_t>(got - done))) > 0;)
      done += put;
  ::close(peer);
}

/// echo ADDRESS PORT [GREETING]: says the greeting, then sends everything back.
int echo(const char* ip, int port, const std::string& greeting) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto address = address_of(ip, port);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 256) != 0)
    return 1;
  ::signal(SIGPIPE, SIG_IGN);
  for (;;) {
    const int peer = ::accept(listener, nullptr, nullptr);
    if (peer < 0 || ::write(peer, greeting.data(), greeting.size()) < 0) continue;
    std::thread(send_back, peer).detach();
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace hlid;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "attach") return attach(argv[2], std::atoi(argv[3]));
  if (words.size() == 3 && words[0] == "resolve") return resolve(argv[2], words[2]);
  if (words.size() == 3 && words[0] == "fetch") return fetch(argv[2], std::atoi(argv[3]));
  if (words.size() == 2 && words[0] == "discover") return discover(words[1]);
  if (words.size() >= 3 && words[0] == "echo")
    return echo(argv[2], std::atoi(argv[3]), words.size() > 3 ? words[3] : "");
  if (!test::become_asked_user()) return std::perror("cannot become an ordinary user"), 77;
  ::signal(SIGPIPE, SIG_IGN);  // as the daemon does
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
