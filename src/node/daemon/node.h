// One node, put together: every part made in the order in which they need each other.
#pragma once

#include <memory>

#include "node/daemon/daemon.h"
#include "node/daemon/node_folder.h"

namespace hlid::node::daemon {

class Node {
 public:
  /// Takes over what runs, and serves. Throws as run_daemon.
  Node(const DaemonOptions& options, const NodeFolder& folder);
  /// Ends tasks, stops serving. The network goes too unless machines use it.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& endpoint() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hlid::node::daemon
