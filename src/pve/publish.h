#pragma once
#include <string>
#include <vector>

#include "base/ip.h"
#include "pve/session.h"

/// Ports of the host that lead to machines: the one thing that our own node has beside the API of Proxmox VE
/// (docs/api.md). A Proxmox VE, and a node from before it, answers 501.
namespace hlid::pve {

struct PublishedBackend {
  std::string address;  ///< "10.10.10.111:80"
  std::string health;   ///< up, down, unknown
  std::string error;
};

struct PublishedPort {
  Ipv4 listen;
  int port = 0;
  std::vector<std::string> to;  ///< "10.10.10.111:80"
  std::string lab;
  bool active = false;
  std::string error;
  int connections = 0;
  std::vector<PublishedBackend> backends;
};

std::vector<PublishedPort> published_ports(const Session& session, const std::string& node);

/// "listen=127.0.0.1,port=8080,to=10.10.10.111:80;10.10.10.112:80"
std::string print_published_port(const PublishedPort& port);

/// Replaces what is published for `lab` by `ports` (as print_published_port() writes them). A port that
/// cannot be had is Error(failed) with its reason and a hint; then nothing has changed.
void publish_ports(const Session& session, const std::string& node, const std::string& lab,
                   const std::vector<std::string>& ports);

}  // namespace hlid::pve
