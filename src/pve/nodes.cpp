#include "pve/nodes.h"

#include "pve/read.h"

namespace hlid::pve {
namespace {

const json::object& part_of(const json::object& whole, std::string_view key) {
  static const json::object kNone;
  const auto* part = whole.if_contains({key.data(), key.size()});
  return part != nullptr && part->is_object() ? part->get_object() : kNone;
}

}  // namespace

std::vector<Node> nodes(const Session& session) {
  const auto data = session.get("/nodes");
  std::vector<Node> found;
  for (const auto& value : list_of(data, "the nodes")) {
    const auto& row = object_of(value, "a node");
    Node node;
    node.name = text_or(row, "node");
    node.online = text_or(row, "status") == "online";
    node.cpus = static_cast<int>(number_or(row, "maxcpu"));
    node.memory = bytes_or(row, "maxmem");
    node.memory_used = bytes_or(row, "mem");
    found.push_back(std::move(node));
  }
  return found;
}

NodeStatus node_status(const Session& session, const std::string& node) {
  const auto data = session.get(path_of({"nodes", node, "status"}));
  const auto& whole = object_of(data, "a node's status");
  const auto& memory = part_of(whole, "memory");
  const auto& cpu = part_of(whole, "cpuinfo");
  NodeStatus status;
  status.memory_total = bytes_or(memory, "total");
  status.memory_free = bytes_or(memory, "free");
  status.cpus = static_cast<int>(number_or(cpu, "cpus"));
  status.cpu_model = text_or(cpu, "model");
  status.hardware_virtualization = text_or(cpu, "hvm") == "1";
  status.version = text_or(whole, "pveversion");
  return status;
}

}  // namespace hlid::pve
