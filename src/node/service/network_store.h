// The node's network configuration on disk, with changes staged until they are applied, as Proxmox VE does
// it: a write goes to `interfaces.new`, which the reload (PUT /nodes/N/network) makes current.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>

#include "node/network/interfaces.h"

namespace hlid::node::service {

using network::Interface;
using network::NetworkConfig;

/// Safe for use from several threads.
class NetworkStore {
 public:
  /// `file` is `etc/interfaces` of the node's folder; made with default_network() when it does not exist.
  explicit NetworkStore(std::filesystem::path file);

  /// What the realm is to have now.
  NetworkConfig current() const;
  /// What was staged and not applied yet.
  std::optional<NetworkConfig> pending() const;
  /// What a reader of the API sees: the pending one, else the current one.
  NetworkConfig newest() const;

  /// Replaces what is pending. Throws Error(usage) for what cannot be (validate).
  void stage(const NetworkConfig& config);
  /// Drops what is pending; nothing pending is fine.
  void revert();
  /// Makes the pending one current and returns the current one.
  NetworkConfig commit();
  /// A unified-looking account of what commit() would change ("-old\n+new\n" lines); "" when nothing.
  std::string changes() const;

 private:
  std::filesystem::path file_;
  std::filesystem::path new_file_;
  mutable std::mutex mutex_;
};

}  // namespace hlid::node::service
