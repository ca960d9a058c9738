#pragma once
#include <fmt/format.h>

#include "model/homelab.h"

namespace hlid::test {

/// Three servers and two agents, with a VIP.
inline model::Homelab cluster_lab(const std::string& distribution = "rke2") {
  model::Homelab lab;
  lab.name = "lab";
  lab.network.cidr = *parse_cidr("10.10.10.0/24");
  lab.network.search_domain = "lab.example.org";
  lab.cluster = model::Cluster{};
  lab.cluster->distribution = distribution;
  lab.cluster->cni = distribution == "k3s" ? "flannel" : "canal";
  lab.cluster->vip = parse_ipv4("10.10.10.100");
  const auto add = [&](model::Role role, const char* group, int number, int address) {
    model::Machine machine;
    machine.name = fmt::format("lab-{}-{}", group, number);
    machine.group = group;
    machine.number = number;
    machine.role = role;
    machine.address = *parse_cidr(fmt::format("10.10.10.{}/24", address));
    lab.machines.push_back(machine);
  };
  for (int i = 1; i <= 3; ++i) add(model::Role::server, "m", i, 100 + i);
  for (int i = 1; i <= 2; ++i) add(model::Role::agent, "w", i, 110 + i);
  return lab;
}

}  // namespace hlid::test
