#pragma once
#include <string>
#include <vector>

#include "base/units.h"
#include "pve/session.h"

namespace hlid::pve {

/// A row of GET /nodes.
struct Node {
  std::string name;
  bool online = false;
  int cpus = 0;
  Bytes memory, memory_used;
};

std::vector<Node> nodes(const Session& session);

/// Of GET /nodes/{node}/status.
struct NodeStatus {
  Bytes memory_total, memory_free;
  int cpus = 0;
  std::string cpu_model;
  bool hardware_virtualization = false;  ///< cpuinfo.hvm: guests run at full speed
  std::string version;
};

NodeStatus node_status(const Session& session, const std::string& node);

}  // namespace hlid::pve
