#include "model/published.h"

#include <algorithm>

namespace hlid::model {
namespace {

bool is_of_a_server(const Homelab& lab, Ipv4 address) {
  if (lab.cluster && lab.cluster->vip == address) return true;
  return std::any_of(lab.machines.begin(), lab.machines.end(), [&](const Machine& machine) {
    return machine.role == Role::server && machine.address.address == address;
  });
}

}  // namespace

const Publish* published_servers(const Homelab& lab, int port) {
  if (!lab.proxmox.embedded()) return nullptr;
  const auto leads_there = [&](const Publish& publish) {
    return publish.target_port == port && !publish.addresses.empty() &&
           std::all_of(publish.addresses.begin(), publish.addresses.end(),
                       [&](Ipv4 address) { return is_of_a_server(lab, address); });
  };
  const auto found = std::find_if(lab.publish.begin(), lab.publish.end(), leads_there);
  return found == lab.publish.end() ? nullptr : &*found;
}

Ipv4 reached_at(const Publish& publish) {
  constexpr Ipv4 kEvery{0}, kLoopback{0x7f000001};
  return publish.listen == kEvery ? kLoopback : publish.listen;
}

}  // namespace hlid::model
