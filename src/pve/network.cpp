#include "pve/network.h"

#include "pve/read.h"
#include "pve/tasks.h"

namespace hlid::pve {

std::vector<Interface> interfaces(const Session& session, const std::string& node) {
  const auto data = session.get(path_of({"nodes", node, "network"}));
  std::vector<Interface> found;
  for (const auto& value : list_of(data, "the network")) {
    const auto& row = object_of(value, "a network interface");
    found.push_back({text_or(row, "iface"), text_or(row, "type"), flag_or(row, "active"),
                     parse_cidr(text_or(row, "cidr"))});
  }
  return found;
}

void write_bridge(const Session& session, const std::string& node, const std::string& bridge,
                  const Cidr& address, bool exists) {
  Form form{{"type", "bridge"}, {"cidr", to_string(address)}, {"autostart", "1"}};
  if (exists) {
    session.put(path_of({"nodes", node, "network", bridge}), form);
    return;
  }
  form.emplace_back("iface", bridge);
  session.post(path_of({"nodes", node, "network"}), form);
}

void apply_network(const Session& session, const std::string& node) {
  run_task(session, [&] { return session.put(path_of({"nodes", node, "network"})); });
}

}  // namespace hlid::pve
