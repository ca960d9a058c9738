#pragma once
#include <fmt/format.h>

#include <string>

#include "model/homelab.h"
#include "model/observed.h"
#include "plan/diff.h"
#include "support/plan_simulator.h"

/// Labs and hosts for the tests of plan and apply.
namespace hlid::test {

inline constexpr const char* kTemplateKey = "4f6a3c";

inline void add_group(model::Homelab& lab, const std::string& group, model::Role role, int count, int vmid,
                      int last_octet, int cores, Bytes memory, Bytes disk) {
  for (int number = 1; number <= count; ++number) {
    model::Machine machine;
    machine.name = fmt::format("{}-{}-{}", lab.name, group, number);
    machine.group = group;
    machine.number = number;
    machine.role = role;
    machine.vmid = Vmid{vmid + number - 1};
    machine.node = lab.proxmox.nodes.front();
    machine.address = {lab.network.cidr.network() + static_cast<std::uint32_t>(last_octet + number - 1),
                       lab.network.cidr.prefix};
    machine.cores = cores;
    machine.memory = memory;
    machine.disk = disk;
    machine.tags = {"rke2"};
    lab.machines.push_back(machine);
  }
}

/// The reference homelab's shape (examples/valaskjalf.yaml).
inline model::Homelab reference_lab() {
  model::Homelab lab;
  lab.name = "valaskjalf";
  lab.network = {
      *parse_cidr("10.10.10.0/24"), *parse_ipv4("10.10.10.1"), {*parse_ipv4("10.10.10.1")}, "valaskjalf"};
  lab.image.name = "pkr-ubuntu-noble-1";
  lab.image.vmid = Vmid{90001};
  lab.access = {"odin", 2222, {"ssh-ed25519 AAAA odin@asgard"}, {"env:CI_ODIN_PASSWORD"}};
  add_group(lab, "master", model::Role::server, 3, 1001, 101, 2, gib(4), gib(50));
  add_group(lab, "worker", model::Role::agent, 3, 1011, 111, 3, gib(12), gib(100));
  return lab;
}

inline model::ObservedStorage storage(const std::string& id, const std::string& type,
                                      std::vector<std::string> content) {
  model::ObservedStorage made;
  made.id = id;
  made.type = type;
  made.content = std::move(content);
  made.active = true;
  made.total = gib(200);
  made.free = gib(150);
  return made;
}

/// A new embedded node: `local`, no bridge yet.
inline model::Observed empty_node() {
  model::Observed there;
  there.version = "8.4.21";
  there.embedded = true;
  model::ObservedNode node;
  node.name = "asgard";
  node.online = true;
  node.cpus = 8;
  node.memory_total = gib(24);
  node.memory_free = gib(20);
  node.storages.push_back(storage("local", "dir", {"images", "iso", "import", "backup", "snippets"}));
  there.nodes.push_back(node);
  return there;
}

/// A real Proxmox VE, prepared.
inline model::Observed real_host() {
  model::Observed there;
  there.version = "8.4.1";
  model::ObservedNode node;
  node.name = "asgard";
  node.online = true;
  node.cpus = 16;
  node.memory_total = gib(128);
  node.memory_free = gib(100);
  node.storages.push_back(storage("local", "dir", {"iso", "import", "vztmpl", "backup"}));
  node.storages.push_back(storage("local-zfs", "zfspool", {"images", "rootdir"}));
  node.storages.back().total = gib(2000);
  node.bridges.push_back({"vmbr0", parse_cidr("192.168.1.2/24")});
  there.nodes.push_back(node);
  return there;
}

inline plan::Options with_key(const std::string& key = kTemplateKey) {
  plan::Options options;
  options.template_key = key;
  return options;
}

/// Runs the steps in their order.
inline void apply_all(const model::Homelab& lab, model::Observed& there, const plan::Plan& plan,
                      const std::string& key = kTemplateKey) {
  Simulator simulator(lab, there, key);
  for (const auto& step : plan.steps) simulator.apply(step);
}

/// The lab as `up` leaves it on a new embedded node.
inline model::Observed built(const model::Homelab& lab, model::Observed there = empty_node()) {
  apply_all(lab, there, plan::make_plan(lab, there, with_key()));
  return there;
}

inline model::ObservedMachine& guest(model::Observed& there, int vmid) {
  for (auto& machine : there.machines)
    if (machine.vmid.value == vmid) return machine;
  throw std::logic_error("no guest");
}

/// Somebody else's machine.
inline model::ObservedMachine foreign(int vmid, const std::string& name) {
  model::ObservedMachine machine;
  machine.vmid = Vmid{vmid};
  machine.name = name;
  machine.node = "asgard";
  machine.power = model::Power::running;
  machine.uuid = "11111111-2222-4333-8444-555555555555";
  machine.memory = gib(2);
  return machine;
}

}  // namespace hlid::test
