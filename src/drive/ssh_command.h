#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/homelab.h"

namespace hlid::drive {

/// The tunnel into an embedded node's network: what ssh runs as ProxyCommand.
struct Tunnel {
  std::string program;  ///< hlid-node
  std::filesystem::path home;
  std::string node;
};

struct SshRequest {
  const model::Machine& machine;
  const model::Access& access;
  std::filesystem::path known_hosts;
  std::optional<Tunnel> tunnel;         ///< none: the address is reached directly
  std::vector<std::string> identities;  ///< private key files to offer; empty: what ssh itself looks for
  std::vector<std::string> command;     ///< to run there; empty: a shell
};

/// The argv of ssh: strict about host keys, only our known_hosts, the file's port and user.
std::vector<std::string> ssh_argv(const SshRequest& request);

/// One word for the shell that ssh(1) gives a ProxyCommand to; also '%' doubled, which ssh would expand.
std::string proxy_word(const std::string& text);

}  // namespace hlid::drive
