#pragma once
#include <algorithm>
#include <stdexcept>
#include <string>

#include "base/text.h"
#include "model/homelab.h"
#include "model/observed.h"
#include "plan/step.h"

/// A hypervisor as a value: what each step does to what is observed. It knows the steps' meaning from step.h,
/// nothing of how plans are made.
namespace hlid::test {

class Simulator {
 public:
  Simulator(const model::Homelab& lab, model::Observed& there, std::string template_key)
      : lab_(lab), there_(there), key_(std::move(template_key)) {}

  void apply(const plan::Step& step) {
    using plan::StepKind;
    switch (step.kind) {
      case StepKind::create_storage:
        return create_storage(step);
      case StepKind::set_network:
        return set_network(step);
      case StepKind::publish:
        return publish(step);
      case StepKind::build_template:
        return;
      case StepKind::upload_template:
        return;
      case StepKind::create_template:
        return create_template(step);
      case StepKind::clone:
        return clone(step);
      case StepKind::configure:
        return configure(step);
      case StepKind::resize_disk:
        machine(step).disk = Bytes{std::stoll(step.details.at("size"))};
        return;
      case StepKind::start:
        machine(step).power = model::Power::running;
        return;
      case StepKind::wait_ready:
        require(machine(step).power == model::Power::running, "ready, but not running");
        return;
      case StepKind::shutdown:
      case StepKind::stop:
        machine(step).power = model::Power::stopped;
        return;
      case StepKind::reboot:
        machine(step).pending.clear();
        return;
      case StepKind::destroy:
      case StepKind::destroy_template:
        return destroy(step);
      case StepKind::unlock:
        machine(step).lock.clear();
        return;
      case StepKind::drain_member:
      case StepKind::return_member:
      case StepKind::leave_cluster:
      case StepKind::forget_member:
      case StepKind::fetch_release:
      case StepKind::install_release:
      case StepKind::form_cluster:
      case StepKind::join_cluster:
      case StepKind::settle_cluster:
      case StepKind::label_member:
      case StepKind::reconfigure_member:
      case StepKind::snapshot_cluster:
      case StepKind::upgrade_member:
        return;  // ClusterSimulator's
    }
  }

 private:
  static void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
  }

  model::ObservedMachine* find(Vmid vmid) {
    for (auto& machine : there_.machines)
      if (machine.vmid == vmid) return &machine;
    return nullptr;
  }
  model::ObservedMachine& machine(const plan::Step& step) {
    auto* found = find(step.vmid);
    if (found == nullptr) throw std::logic_error("no such VM: " + step.id);
    return *found;
  }
  model::ObservedNode& node(const std::string& name) {
    for (auto& node : there_.nodes)
      if (node.name == name) return node;
    throw std::logic_error("no node " + name);
  }

  void create_storage(const plan::Step& step) {
    model::ObservedStorage storage;
    storage.id = step.subject;
    storage.type = step.details.at("type");
    storage.content = split_list(step.details.at("content"), ",");
    storage.active = true;
    node(step.node).storages.push_back(storage);
  }

  void set_network(const plan::Step& step) {
    auto& bridges = node(step.node).bridges;
    bridges.erase(
        std::remove_if(bridges.begin(), bridges.end(), [&](const auto& b) { return b.name == step.subject; }),
        bridges.end());
    bridges.push_back({step.subject, parse_cidr(step.details.at("address"))});
  }

  void publish(const plan::Step& step) {
    std::erase_if(there_.published, [&](const auto& port) { return port.lab == lab_.name; });
    for (const auto& text : split_list(step.details.at("ports"), " ")) {
      model::ObservedPublish port{.lab = lab_.name};
      for (const auto& item : split(text, ',')) {
        const auto value = item.substr(item.find('=') + 1);
        if (item.starts_with("listen=")) port.listen = *parse_ipv4(value);
        if (item.starts_with("port=")) port.port = std::stoi(value);
        if (item.starts_with("to=")) port.to = split(value, ';');
      }
      port.active = true;
      there_.published.push_back(port);
    }
  }

  model::ObservedMachine& insert(const plan::Step& step) {
    require(find(step.vmid) == nullptr, "VMID in use");
    auto at = std::find_if(there_.machines.begin(), there_.machines.end(),
                           [&](const auto& m) { return m.vmid > step.vmid; });
    auto& made = *there_.machines.insert(at, model::ObservedMachine{});
    made.vmid = step.vmid;
    made.name = step.subject;
    made.node = step.node;
    made.power = model::Power::stopped;
    made.disk_key = "virtio0";
    made.storage = lab_.proxmox.storage;
    return made;
  }

  void create_template(const plan::Step& step) {
    auto& made = insert(step);
    made.is_template = true;
    made.uuid = machine_uuid(lab_.name, step.subject).text;
    made.tags = model::ownership_tags(lab_.name);
    made.template_key = key_;
    made.disk = lab_.image.disk;
    made.bridge = lab_.proxmox.bridge;
  }

  void clone(const plan::Step& step) {
    const auto* source = find(Vmid{std::stoi(step.details.at("source"))});
    require(source != nullptr && source->is_template, "clone of no template");
    if (auto* begun = find(step.vmid); begun != nullptr && begun->lock == "clone" && !begun->mark.empty()) {
      begun->lock.clear();  // the step waits for the clone that is at work
      return;
    }
    const auto disk = source->disk;
    const auto tags = source->tags;
    auto& made = insert(step);
    made.disk = disk;
    made.tags = tags;
    made.uuid = "00000000-0000-4000-8000-000000000000";
    for (const auto& line : split(step.details.at("description"), '\n')) {
      const auto colon = line.find(": ");
      if (line.substr(0, colon) == "hlid-machine") made.mark = line.substr(colon + 2);
      if (line.substr(0, colon) == "hlid-template") made.template_key = line.substr(colon + 2);
    }
  }

  void configure(const plan::Step& step) {
    auto& m = machine(step);
    require(!m.is_template, "configures a template");
    for (const auto& [key, value] : step.details) {
      set(m, key, value);
      const bool waits = key == "cores" || key == "memory" || key == "cpu" || key == "agent";
      if (waits && m.power != model::Power::stopped) m.pending.push_back(key);
    }
  }

  static void set(model::ObservedMachine& m, const std::string& key, const std::string& value) {
    if (key == "cores") m.cores = std::stoi(value);
    if (key == "memory") m.memory = Bytes{std::stoll(value)};
    if (key == "cpu") m.cpu = value;
    if (key == "agent") m.agent = value == "1";
    if (key == "bridge") m.bridge = value;
    if (key == "mac") m.mac = value;
    if (key == "tags") m.tags = split(value, ';');
    if (key == "onboot") m.start_at_boot = value == "1";
    if (key == "cloud_init_drive") m.has_cloud_init_drive = true;
    if (key == "address") m.address = parse_cidr(value);
    if (key == "gateway") m.gateway = parse_ipv4(value);
    if (key == "search_domain") m.search_domain = value;
    if (key == "user") m.user = value;
    if (key == "authorized_keys") m.authorized_keys = split(value, '\n');
    if (key == "password") m.has_password = true;
    if (key == "uuid") m.uuid = value;
    if (key != "dns") return;
    m.dns.clear();
    for (const auto& address : split(value, ' ')) m.dns.push_back(*parse_ipv4(address));
  }

  void destroy(const plan::Step& step) {
    auto& m = machine(step);
    require(m.power == model::Power::stopped, "destroys what runs");
    require(m.lock.empty(), "destroys what is locked");
    there_.machines.erase(there_.machines.begin() + (&m - there_.machines.data()));
  }

  const model::Homelab& lab_;
  model::Observed& there_;
  std::string key_;
};

}  // namespace hlid::test
