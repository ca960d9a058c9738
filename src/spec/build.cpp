#include "spec/build.h"

#include <algorithm>

#include <fmt/format.h>

namespace hlid::spec {
namespace {

using model::Role;

Role role_of(const std::string& text) {
  if (text == "server") return Role::server;
  return text == "agent" ? Role::agent : Role::plain;
}

model::Proxmox build_proxmox(const Section& from) {
  model::Proxmox proxmox;
  proxmox.nodes = from.texts("node");
  if (proxmox.nodes.empty()) proxmox.nodes = {"asgard"};
  proxmox.endpoint = from.text("endpoint");
  if (!proxmox.endpoint.empty() && proxmox.endpoint.back() == '/') proxmox.endpoint.pop_back();
  proxmox.token.text = from.text("token");
  proxmox.fingerprint = from.text("fingerprint");
  proxmox.ca_file = from.text("ca");
  proxmox.storage = from.text("storage");
  proxmox.iso_storage = from.text("iso_storage");
  proxmox.bridge = from.text("bridge");
  return proxmox;
}

model::Network build_network(const Section& from, const std::string& lab) {
  model::Network network;
  network.cidr = parse_cidr(from.text("cidr")).value_or(Cidr{});
  network.gateway = parse_ipv4(from.text("gateway")).value_or(network.cidr.network() + 1);
  for (const auto& text : from.texts("dns"))
    if (const auto address = parse_ipv4(text)) network.dns.push_back(*address);
  if (network.dns.empty()) network.dns = {network.gateway};
  network.search_domain = from.has("search_domain") ? from.text("search_domain") : lab;
  return network;
}

model::Template build_template(const Section& from, const std::string& lab) {
  model::Template image;
  image.name = from.has("name") ? from.text("name") : lab + "-template";
  image.vmid = Vmid{from.integer("vmid")};
  image.os = from.text("os");
  image.locale = from.text("locale");
  image.keyboard = from.text("keyboard");
  image.timezone = from.text("timezone");
  image.packages = from.texts("packages");
  image.mirror = from.text("mirror");
  image.image_file = from.text("image");
  image.disk = from.bytes("disk");
  return image;
}

model::Cluster build_cluster(const Section& from) {
  model::Cluster cluster;
  cluster.distribution = from.text("distribution");
  cluster.version = from.text("version");
  cluster.channel = from.has("channel") || !cluster.version.empty() ? from.text("channel") : "stable";
  cluster.artifacts = from.text("artifacts");
  cluster.vip = parse_ipv4(from.text("vip"));
  cluster.cni = from.has("cni") ? from.text("cni") : cluster.distribution == "k3s" ? "flannel" : "canal";
  cluster.ingress = from.text("ingress");
  cluster.profile = from.text("profile");
  cluster.pod_network = parse_cidr(from.text("pod_network")).value_or(cluster.pod_network);
  cluster.service_network = parse_cidr(from.text("service_network")).value_or(cluster.service_network);
  cluster.tls_san = from.texts("tls_san");
  for (auto& entry : from.free_entries("options"))
    cluster.options.emplace(entry.key, model::Option{std::move(entry.values), entry.list});
  cluster.max_unavailable = from.integer("max_unavailable");
  return cluster;
}

model::Backup build_backup(const Section& from) {
  model::Backup backup;
  backup.schedule = from.text("schedule");
  backup.storage = from.text("storage");
  const Section keep = from.map("keep");
  for (const Field* field : children_of("backup.keep")) {
    const auto name = last_name(field->path);
    if (keep.has(name)) backup.keep.emplace(name, keep.integer(name));
  }
  return backup;
}

/// Expands one group. Its first VMID and address follow from its place among the groups, not from the size of
/// those before it: a group that grows never moves its neighbours.
class Expansion {
 public:
  Expansion(Draft& draft, const Section& top, const Section& from, int index)
      : draft_(draft),
        from_(from),
        index_(index),
        default_clone_(top.text("clone")),
        default_instant_(top.flag("instant")) {}

  void run() {
    Group group;
    group.name = from_.text("group");
    group.role = role_of(from_.text("role"));
    group.count = from_.integer("count");
    group.at = from_.at();
    group.name_at = from_.at("group");
    group.count_at = from_.at("count");
    group.tags = from_.list("tags");
    const auto overrides = from_.entries("overrides");
    for (const auto& [key, section] : overrides) group.overrides.emplace_back(number_of(key), section.at());
    draft_.groups.push_back(group);
    for (int number = 1; number <= group.count; ++number) {
      Placed placed = plain(group, number);
      for (const auto& [key, section] : overrides)
        if (number_of(key) == number) override_with(section, placed);
      draft_.machines.push_back(std::move(placed));
    }
  }

 private:
  static int number_of(const std::string& key) {
    Node node;
    node.kind = Node::Kind::scalar;
    node.text = key;
    const auto number = as_integer(node);
    return number && *number >= 1 && *number <= 1'000'000 ? static_cast<int>(*number) : 0;
  }

  Placed plain(const Group& group, int number) const {
    Placed placed;
    auto& machine = placed.machine;
    machine.name = fmt::format("{}-{}-{}", draft_.lab.name, group.name, number);
    machine.group = group.name;
    machine.number = number;
    machine.role = group.role;
    machine.vmid = Vmid{(from_.has("vmid") ? from_.integer("vmid") : 1001 + 10 * index_) + number - 1};
    machine.address =
        Cidr{first_address() + static_cast<std::uint32_t>(number - 1), draft_.lab.network.cidr.prefix};
    machine.node = from_.has("node") ? from_.text("node") : node_in_turn(number);
    machine.cores = from_.integer("cores");
    machine.memory = from_.bytes("memory");
    machine.disk = from_.bytes("disk");
    machine.tags = from_.texts("tags");
    machine.start_at_boot = from_.flag("start_at_boot");
    take_labels(from_, machine);
    machine.taints = from_.texts("taints");
    machine.linked_clone = (from_.has("clone") ? from_.text("clone") : default_clone_) == "linked";
    machine.instant = from_.has("instant") ? from_.flag("instant") : default_instant_;
    placed.group = draft_.groups.size() - 1;
    placed.vmid_at = from_.at("vmid");
    placed.address_at = from_.at("address");
    placed.memory_at = from_.at("memory");
    placed.disk_at = from_.at("disk");
    placed.node_at = from_.at("node");
    placed.address_wrong = from_.is_wrong("address");
    return placed;
  }

  Ipv4 first_address() const {
    const auto given = parse_ipv4(from_.text("address"));
    return given ? *given : draft_.lab.network.cidr.network() + static_cast<std::uint32_t>(101 + 10 * index_);
  }

  /// Masters of one group, and workers of one, are spread over the nodes.
  std::string node_in_turn(int number) const {
    const auto& nodes = draft_.lab.proxmox.nodes;
    return nodes[static_cast<std::size_t>(number - 1) % nodes.size()];
  }

  static void override_with(const Section& from, Placed& placed) {
    auto& machine = placed.machine;
    if (from.has("vmid")) machine.vmid = Vmid{from.integer("vmid")}, placed.vmid_at = from.at("vmid");
    if (from.has("address")) {
      machine.address.address = parse_ipv4(from.text("address")).value_or(Ipv4{});
      placed.address_at = from.at("address");
      placed.address_wrong = false;
    }
    if (from.has("cores")) machine.cores = from.integer("cores");
    if (from.has("memory")) machine.memory = from.bytes("memory"), placed.memory_at = from.at("memory");
    if (from.has("disk")) machine.disk = from.bytes("disk"), placed.disk_at = from.at("disk");
    if (from.has("tags")) machine.tags = from.texts("tags");
    if (from.has("start_at_boot")) machine.start_at_boot = from.flag("start_at_boot");
    if (from.has("node")) machine.node = from.text("node"), placed.node_at = from.at("node");
    take_labels(from, machine);
    if (from.has("taints")) machine.taints = from.texts("taints");
  }

  static void take_labels(const Section& from, model::Machine& machine) {
    for (auto& entry : from.free_entries("labels")) machine.labels[entry.key] = entry.text();
  }

  Draft& draft_;
  const Section& from_;
  int index_;
  std::string default_clone_;
  bool default_instant_;
};

}  // namespace

Draft build(const Section& top) {
  Draft draft;
  auto& lab = draft.lab;
  lab.name = top.has("name") ? top.text("name") : "NAME";  // for messages; without a name the file is refused
  lab.proxmox = build_proxmox(top.map("proxmox"));
  lab.network = build_network(top.map("network"), lab.name);
  lab.image = build_template(top.map("template"), lab.name);
  lab.access.user = top.map("access").text("user");
  lab.access.ssh_port = top.map("access").integer("ssh_port");
  lab.access.console_password.text = top.map("access").text("console_password");
  int index = 0;
  for (const auto& group : top.maps("machines")) Expansion(draft, top, group, index++).run();
  if (top.has("cluster")) lab.cluster = build_cluster(top.map("cluster"));
  if (top.has("backup")) lab.backup = build_backup(top.map("backup"));
  for (const auto& item : top.maps("publish")) lab.publish.push_back(build_publish(item, draft));
  return draft;
}

}  // namespace hlid::spec
