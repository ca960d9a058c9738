#include "drive/machine_config.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/property_string.h"
#include "wire/size.h"
#include "wire/vm_keys.h"

namespace hlid::drive {
namespace {

constexpr std::string_view kMachineMark = "hlid-machine: ";
constexpr std::string_view kTemplateMark = "hlid-template: ";
constexpr int kMostQueues = 64;

std::string join_addresses(const std::vector<Ipv4>& addresses) {
  std::vector<std::string> texts;
  for (const auto address : addresses) texts.push_back(to_string(address));
  return join(texts, " ");
}

std::string tags_of(const model::Homelab& lab, const model::Machine& machine) {
  auto tags = model::ownership_tags(lab.name);
  tags.insert(tags.end(), machine.tags.begin(), machine.tags.end());
  return wire::print_tags(tags);
}

std::string net_of(const model::Homelab& lab, const model::Machine& machine) {
  auto net = "virtio=" + model::machine_mac(lab.name, machine.name) + ",bridge=" + lab.proxmox.bridge;
  if (machine.cores > 1) net += ",queues=" + std::to_string(std::min(machine.cores, kMostQueues));
  return net;
}

/// Adds a pair to the form when any of `triggers` is to be set.
class FormWriter {
 public:
  explicit FormWriter(const std::set<std::string>& what) : what_(what) {}
  bool wants(std::initializer_list<const char*> triggers) const {
    return std::any_of(triggers.begin(), triggers.end(),
                       [&](const char* key) { return what_.contains(key); });
  }
  void add(std::initializer_list<const char*> triggers, const std::string& key, const std::string& value) {
    if (wants(triggers)) form_.emplace_back(key, value);
  }
  pve::Form take() { return std::move(form_); }

 private:
  const std::set<std::string>& what_;
  pve::Form form_;
};

std::string after_mark(const pve::VmConfig& config, std::string_view mark) {
  const auto description = config.find("description");
  if (description == config.end()) return {};
  for (const auto& line : split(description->second, '\n'))
    if (line.starts_with(mark)) return std::string(trim(std::string_view(line).substr(mark.size())));
  return {};
}

std::string value_or(const pve::VmConfig& config, const std::string& key, std::string fallback = {}) {
  const auto found = config.find(key);
  return found == config.end() ? std::move(fallback) : found->second;
}

bool is_disk(const pve::VmConfig& config, const std::string& key) {
  if (!wire::is_drive_key(key) || !config.contains(key)) return false;
  return !contains(config.at(key), "media=cdrom");
}

void read_network(const pve::VmConfig& config, model::ObservedMachine& machine) {
  const auto net = wire::PropertyString::parse(value_or(config, "net0"), "model");
  machine.bridge = net.get_or("bridge", "");
  for (const char* model : {"virtio", "e1000", "rtl8139", "vmxnet3", "macaddr"})
    if (const auto mac = net.get(model)) machine.mac = to_upper(*mac);
  const auto ip = wire::PropertyString::parse(value_or(config, "ipconfig0"));
  machine.address = parse_cidr(ip.get_or("ip", ""));
  machine.gateway = parse_ipv4(ip.get_or("gw", ""));
  machine.dns.clear();
  for (const auto& text : split_list(value_or(config, "nameserver"), " ,;"))
    if (const auto address = parse_ipv4(text)) machine.dns.push_back(*address);
  machine.search_domain = value_or(config, "searchdomain");
}

std::optional<bool> agent_of(const pve::VmConfig& config) {
  return wire::PropertyString::parse(value_or(config, "agent"), "enabled").get_bool("enabled", false);
}

int integer_or(const std::string& text, int fallback) {
  try {
    return std::stoi(text);
  } catch (const std::exception&) {  // not a number: Proxmox would not have stored it
    return fallback;
  }
}

}  // namespace

pve::Form machine_form(const model::Homelab& lab, const model::Machine& machine,
                       const std::set<std::string>& what, const Secret& password) {
  const auto& network = lab.network;
  FormWriter form(what);
  form.add({"uuid"}, "smbios1", "uuid=" + machine_uuid(lab.name, machine.name).text);
  form.add({"uuid", "tags"}, "tags", tags_of(lab, machine));
  form.add({"name"}, "name", machine.name);
  form.add({"cores"}, "cores", std::to_string(machine.cores));
  form.add({"cpu"}, "cpu", "host");
  form.add({"memory"}, "memory", std::to_string(machine.memory.mib()));
  form.add({"onboot"}, "onboot", machine.start_at_boot ? "1" : "0");
  form.add({"agent"}, "agent", "enabled=1");
  form.add({"mac", "bridge"}, "net0", net_of(lab, machine));
  form.add({"cloud_init_drive"}, "ide2", lab.proxmox.storage + ":cloudinit");
  form.add({"user"}, "ciuser", lab.access.user);
  form.add({"user"}, "ciupgrade", "0");
  form.add({"authorized_keys"}, "sshkeys", pve::encode_ssh_keys(lab.access.authorized_keys));
  form.add({"address", "gateway"}, "ipconfig0",
           "ip=" + to_string(machine.address) + ",gw=" + to_string(network.gateway));
  form.add({"dns"}, "nameserver", join_addresses(network.dns));
  form.add({"search_domain"}, "searchdomain",
           network.search_domain.empty() ? lab.name : network.search_domain);
  if (!password.empty()) form.add({"password"}, "cipassword", password.reveal());
  return form.take();
}

pve::Form template_form(const model::Homelab& lab, const std::string& key, const std::string& import_volume) {
  const auto& image = lab.image;
  return {{"name", image.name},
          {"ostype", "l26"},
          {"cpu", "host"},
          {"cores", "2"},
          {"memory", "2048"},
          {"scsihw", "virtio-scsi-pci"},
          {"agent", "enabled=1"},
          {"net0", "virtio,bridge=" + lab.proxmox.bridge},
          {"virtio0",
           lab.proxmox.storage + ":0,import-from=" + import_volume + ",format=raw,iothread=1,discard=on"},
          {"serial0", "socket"},
          {"boot", "order=virtio0"},
          {"tags", wire::print_tags(model::ownership_tags(lab.name))},
          {"smbios1", "uuid=" + machine_uuid(lab.name, image.name).text},
          {"description", template_description(lab.name, key)}};
}

std::string machine_description(const std::string& lab, const std::string& name,
                                const std::string& template_key) {
  return fmt::format("{}{}\n{}{}", kMachineMark, model::machine_mark(lab, name), kTemplateMark, template_key);
}

std::string template_description(const std::string& lab, const std::string& key) {
  return fmt::format("{}{}\nmade by hlid for the homelab {}", kTemplateMark, key, lab);
}

std::string mark_of(const pve::VmConfig& config) {
  return after_mark(config, kMachineMark);
}
std::string template_key_of(const pve::VmConfig& config) {
  return after_mark(config, kTemplateMark);
}

std::string uuid_of(const pve::VmConfig& config) {
  return to_lower(wire::PropertyString::parse(value_or(config, "smbios1")).get_or("uuid", ""));
}

std::string boot_disk_of(const pve::VmConfig& config) {
  const auto order = wire::PropertyString::parse(value_or(config, "boot"), "legacy").get_or("order", "");
  for (const auto& key : split_list(order, ";"))
    if (is_disk(config, key)) return key;
  for (const auto& key : wire::drive_keys())
    if (is_disk(config, key)) return key;
  return {};
}

Bytes size_of_drive(const std::string& value) {
  return wire::parse_size(wire::PropertyString::parse(value, "file").get_or("size", "")).value_or(Bytes{});
}

bool has_cloud_init_drive(const pve::VmConfig& config) {
  return std::any_of(config.begin(), config.end(), [](const auto& item) {
    return wire::is_drive_key(item.first) && contains(item.second, "cloudinit");
  });
}

model::ObservedMachine read_resource(const pve::Resource& resource) {
  model::ObservedMachine machine;
  machine.vmid = resource.vmid;
  machine.name = resource.name;
  machine.node = resource.node;
  machine.is_template = resource.is_template;
  machine.tags = wire::parse_tags(resource.tags);
  machine.cores = resource.cpus;
  machine.memory = resource.memory;
  machine.disk = resource.disk;
  if (resource.status == "running") machine.power = model::Power::running;
  if (resource.status == "stopped") machine.power = model::Power::stopped;
  if (resource.status == "paused") machine.power = model::Power::paused;
  return machine;
}

void read_config(const pve::VmConfig& config, model::ObservedMachine& machine) {
  machine.name = value_or(config, "name", machine.name);
  machine.lock = value_or(config, "lock");
  machine.is_template = value_or(config, "template") == "1";
  machine.uuid = uuid_of(config);
  machine.tags = wire::parse_tags(value_or(config, "tags"));
  machine.cores = integer_or(value_or(config, "cores"), 1) * integer_or(value_or(config, "sockets"), 1);
  const auto memory = wire::PropertyString::parse(value_or(config, "memory", "512"), "current");
  machine.memory = hlid::mib(integer_or(memory.get_or("current", "512"), 512));
  machine.disk_key = boot_disk_of(config);
  if (!machine.disk_key.empty()) {
    const auto& value = config.at(machine.disk_key);
    machine.disk = size_of_drive(value);
    machine.storage = value.substr(0, value.find(':'));
  }
  read_network(config, machine);
  machine.user = value_or(config, "ciuser");
  machine.authorized_keys = pve::decode_ssh_keys(value_or(config, "sshkeys"));
  machine.has_cloud_init_drive = has_cloud_init_drive(config);
  machine.has_password = config.contains("cipassword");
  machine.start_at_boot = value_or(config, "onboot") == "1";
  machine.cpu = wire::PropertyString::parse(value_or(config, "cpu"), "cputype").get_or("cputype", "");
  machine.agent = agent_of(config);
  machine.mark = mark_of(config);
  machine.template_key = template_key_of(config);
}

}  // namespace hlid::drive
