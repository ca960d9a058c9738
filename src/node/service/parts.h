// What the verbs work on: the parts of the node that the daemon lends, and what the service keeps itself.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hlid::sys {
class Clock;
class ProcessRunner;
}  // namespace hlid::sys
namespace hlid::node::auth {
class Authenticator;
class Permissions;
class Users;
}  // namespace hlid::node::auth
namespace hlid::node::forward {
struct PortStatus;
struct Rule;
}  // namespace hlid::node::forward
namespace hlid::node::network {
struct NetworkConfig;
}
namespace hlid::node::storage {
class Storages;
}
namespace hlid::node::task {
class Tasks;
}
namespace hlid::node::vm {
class Machines;
}

namespace hlid::node::service {

class HostStatus;
class NetworkStore;
class PublishStore;
class ResourceCache;

/// All that is lent outlives the service.
struct Parts {
  std::string node;              ///< its name, "asgard"
  std::string build;             ///< our own version, shown in GET /version's repoid
  std::string address;           ///< where the API listens, for cluster/status
  std::string fingerprint;       ///< SHA-256 of the API's certificate, "AB:CD:…"
  std::filesystem::path folder;  ///< the node's: its file system is the node's disk; holds etc/
  vm::Machines& machines;
  storage::Storages& storages;
  task::Tasks& tasks;
  auth::Users& users;
  auth::Permissions& permissions;
  auth::Authenticator& authenticator;
  sys::ProcessRunner& processes;
  sys::Clock& clock;
  /// Makes the bridges so; throws for what cannot be.
  std::function<void(const network::NetworkConfig&)> apply_network;
  /// Publishes these ports and no others; throws, having changed nothing, for those that cannot be had.
  std::function<void(const std::vector<forward::Rule>&)> publish;
  std::function<std::vector<forward::PortStatus>()> published;

  // Made by the service.
  std::shared_ptr<HostStatus> host = {};
  std::shared_ptr<NetworkStore> network = {};
  std::shared_ptr<PublishStore> publish_store = {};
  std::shared_ptr<ResourceCache> resources = {};
};

}  // namespace hlid::node::service
