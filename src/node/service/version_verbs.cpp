// Who we say we are: the Proxmox release whose API this is, and a cluster of one node.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "node/service/verbs.h"
#include "node/vm/machines.h"

namespace hlid::node::service {
namespace {

constexpr const char* kRelease = "8.4";
constexpr const char* kVersion = "8.4.21";

Answer version(Parts& parts, Call&) {
  return json::object{{"version", kVersion}, {"release", kRelease}, {"repoid", "hlid-node-" + parts.build}};
}

Answer cluster_status(Parts& parts, Call&) {
  return json::array{json::object{{"id", "node/" + parts.node},
                                  {"name", parts.node},
                                  {"type", "node"},
                                  {"ip", parts.address},
                                  {"online", 1},
                                  {"local", 1},
                                  {"level", ""},
                                  {"nodeid", 0}}};
}

Answer cluster_options(Parts&, Call&) {
  return json::object{{"description", ""}, {"allowed-tags", json::array()}, {"mac_prefix", "BC:24:11"}};
}

Answer firewall_options(Parts&, Call&) {
  return json::object{{"digest", "da39a3ee5e6b4b0d3255bfef95601890afd80709"}};  // of an empty file
}

/// "vm:101", or the bare number when there is such a machine.
std::string service_id(const Parts& parts, const Call& call) {
  const std::string id = call.params.get_or("sid", "");
  if (id.find(':') != std::string::npos) return id;
  const auto vmid = parse_vmid(id);
  if (!vmid || !parts.machines.exists(*vmid)) {
    throw wire::failure(fmt::format("unable do detect SID from VMID - VM/CT {} does not exist", id));
  }
  return "vm:" + id;
}

// Nothing is managed for high availability. Clients read the two refusals as just that (clients.md, section
// 3).
Answer ha_resource(Parts& parts, Call& call) {
  throw wire::failure(fmt::format("no such resource '{}'", service_id(parts, call)));
}

Answer remove_ha_resource(Parts& parts, Call& call) {
  throw wire::failure(fmt::format("cannot delete service '{}', not HA managed!", service_id(parts, call)));
}

}  // namespace

std::vector<Verb> version_verbs() {
  return {
      {"GET", "/version", Pace::quick, for_users(), version},
      {"GET", "/nodes/{node}/version", Pace::quick, for_users(), version},
      {"GET", "/cluster/status", Pace::quick, all_of("/", {"Sys.Audit"}), cluster_status},
      {"GET", "/cluster/options", Pace::quick, for_users(), cluster_options},
      {"GET", "/cluster/firewall/options", Pace::quick, all_of("/", {"Sys.Audit"}), firewall_options},
      {"GET", "/cluster/ha/resources/{sid}", Pace::quick, all_of("/", {"Sys.Audit"}), ha_resource},
      {"DELETE", "/cluster/ha/resources/{sid}", Pace::quick, all_of("/", {"Sys.Console"}),
       remove_ha_resource},
  };
}

}  // namespace hlid::node::service
