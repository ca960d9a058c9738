#include "cli/api_route.h"

#include <algorithm>

#include <fmt/format.h>

#include "cluster/kubeconfig.h"
#include "cluster/traits.h"

namespace hlid::cli {
namespace {

bool has_api(const model::Homelab& lab, Ipv4 address) {
  if (lab.cluster->vip == address) return true;
  return std::any_of(lab.machines.begin(), lab.machines.end(), [&](const auto& machine) {
    return machine.role == model::Role::server && machine.address.address == address;
  });
}

bool leads_to_api(const model::Homelab& lab, const model::Publish& port) {
  return port.target_port == cluster::traits_of(lab.cluster->distribution).api_port &&
         !port.addresses.empty() &&
         std::all_of(port.addresses.begin(), port.addresses.end(),
                     [&](Ipv4 address) { return has_api(lab, address); });
}

bool is_loopback(Ipv4 address) {
  return address.value >> 24 == 127;
}

/// The API servers' certificate is for 127.0.0.1 and for what tls_san adds.
ApiRoute through(const model::Homelab& lab, const model::Publish& port) {
  const auto all = port.listen.value == 0;
  const auto address = all ? "127.0.0.1" : to_string(port.listen);
  ApiRoute route{fmt::format("https://{}:{}", address, port.port), "", ""};
  const auto& names = lab.cluster->tls_san;
  if (all || address == "127.0.0.1" || std::find(names.begin(), names.end(), address) != names.end())
    return route;
  route.note = fmt::format("the API's certificate is not for {}, so kubectl will not trust it", address);
  route.fix = is_loopback(port.listen)
                  ? "publish the port on 127.0.0.1"
                  : fmt::format("add {} to cluster.tls_san in the file, then hlid up", address);
  return route;
}

}  // namespace

ApiRoute route_to_api(const model::Homelab& lab) {
  const auto direct = cluster::api_url(lab);
  if (!lab.proxmox.embedded()) return {direct, "", ""};
  for (const auto& port : lab.publish)
    if (leads_to_api(lab, port)) return through(lab, port);
  const auto api_port = cluster::traits_of(lab.cluster->distribution).api_port;
  std::string target = "vip";
  if (!lab.cluster->vip)
    for (const auto& machine : lab.machines)
      if (target == "vip" && machine.role == model::Role::server) target = machine.group;
  return {direct,
          fmt::format("{} is in the embedded node's own network, which this computer is not in", direct),
          fmt::format("add 'publish: [{{port: {}, to: {}}}]' to the file, then hlid up", api_port, target)};
}

}  // namespace hlid::cli
