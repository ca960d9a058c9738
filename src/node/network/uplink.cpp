#include "node/network/uplink.h"

#include <array>

#include <fmt/format.h>

#include "sys/programs.h"

namespace hlid::node::network {
namespace {

constexpr std::uint32_t kNetwork = 100U << 24 | 127U << 16 | 255U << 8;
constexpr std::uint32_t kGateway = 2;  // the same places within the network as slirp's own defaults
constexpr std::uint32_t kDns = 3;
constexpr std::uint32_t kOwn = 100;

/// slirp4netns(1). The MTU is the largest: the packets never touch a wire as they are.
std::vector<std::string> slirp4netns(const std::string& path, int anchor, bool user_namespace, int ready_fd) {
  std::vector<std::string> argv{path,
                                "--configure",
                                "--mtu=65520",
                                "--disable-host-loopback",
                                fmt::format("--cidr={}", to_string(uplink_network())),
                                "--netns-type=path",
                                fmt::format("--ready-fd={}", ready_fd)};
  if (user_namespace) argv.push_back(fmt::format("--userns-path=/proc/{}/ns/user", anchor));
  argv.push_back(fmt::format("/proc/{}/ns/net", anchor));
  argv.emplace_back(kUplinkName);
  return argv;
}

/// pasta(1). No ports are forwarded either way, and the gateway's address is not mapped to the host.
std::vector<std::string> pasta(const std::string& path, int anchor, bool user_namespace) {
  const Ipv4 network{kNetwork};
  std::vector<std::string> argv{path,
                                "--foreground",
                                "--config-net",
                                "--ipv4-only",
                                "--no-map-gw",
                                "-t",
                                "none",
                                "-u",
                                "none",
                                "-T",
                                "none",
                                "-U",
                                "none",
                                "--ns-ifname",
                                std::string(kUplinkName),
                                "--address",
                                to_string(network + kOwn),
                                "--netmask",
                                "24",
                                "--gateway",
                                to_string(network + kGateway),
                                "--dns-forward",
                                to_string(uplink_dns())};
  if (user_namespace) {
    argv.insert(argv.end(), {"--userns", fmt::format("/proc/{}/ns/user", anchor)});
  } else {
    argv.insert(argv.end(), {"--runas", "0", "--netns-only"});
  }
  argv.insert(argv.end(), {"--netns", fmt::format("/proc/{}/ns/net", anchor)});
  return argv;
}

}  // namespace

Cidr uplink_network() {
  return {{kNetwork}, 24};
}
Ipv4 uplink_dns() {
  return {kNetwork + kDns};
}

std::optional<UplinkProgram> find_uplink() {
  constexpr std::array kPrograms{"slirp4netns", "pasta"};
  for (const std::string name : kPrograms)
    if (const auto path = sys::find_program(name)) return UplinkProgram{name, *path};
  return std::nullopt;
}

std::vector<std::string> uplink_command(const UplinkProgram& program, int anchor, bool user_namespace,
                                        int ready_fd) {
  if (program.name == "pasta") return pasta(program.path, anchor, user_namespace);
  return slirp4netns(program.path, anchor, user_namespace, ready_fd);
}

}  // namespace hlid::node::network
