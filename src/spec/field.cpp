#include "spec/field.h"

#include <unordered_map>

#include "base/units.h"

namespace hlid::spec {
namespace {

using namespace format;

constexpr std::int64_t kLeastMemory = mib(64).count;
constexpr std::int64_t kMostMemory = gib(16 * 1024).count;
constexpr std::int64_t kLeastDisk = mib(16).count;
constexpr std::int64_t kMostDisk = gib(128 * 1024).count;

// clang-format off
std::vector<Field> head_fields() {
  return {
    {.path = "apiVersion", .about = "Version of the file format.", .example = "hlid/v1", .required = true, .choices = {"hlid/v1"}},
    {.path = "name", .about = "Name of the lab: first part of every machine's name, and a tag.", .example = "valaskjalf", .required = true, .format = &kLabel},
    {.path = "clone", .about = "How machines come from the template; a group may differ.", .example = "full", .fallback = "full", .choices = {"full", "linked"}},
    {.path = "instant", .kind = Kind::boolean, .about = "Embedded node: new machines begin in the memory of their template, ready in seconds, instead of booting; a group may differ.", .example = "true", .fallback = "true"},

    {.path = "proxmox", .kind = Kind::map, .about = "The hypervisor."},
    {.path = "proxmox.node", .kind = Kind::list, .about = "Node, or several that share the machines.", .example = "asgard", .fallback = "asgard", .least = 1, .most = 64, .one_for_many = true},
    {.path = "proxmox.node[]", .about = "One node.", .example = "asgard", .format = &kNode},
    {.path = "proxmox.endpoint", .about = "Address of a Proxmox VE; leave it out for the embedded node.", .example = "https://asgard.lan:8006", .format = &kEndpoint},
    {.path = "proxmox.token", .about = "API token, as user@realm!name=uuid.", .example = "env:PROXMOX_TOKEN", .format = &kSecret, .secret = true},
    {.path = "proxmox.fingerprint", .about = "Of the server's certificate, where no CA vouches for it.", .format = &kFingerprint},
    {.path = "proxmox.ca", .about = "CA certificate (PEM) that the server is checked with.", .example = "~/pve-root-ca.pem", .format = &kPath, .default_text = "the system's"},
    {.path = "proxmox.storage", .about = "Where the machines' disks lie.", .example = "local-zfs", .fallback = "local-zfs", .format = &kStorage},
    {.path = "proxmox.iso_storage", .about = "Where images are uploaded to.", .example = "local", .fallback = "local", .format = &kStorage},
    {.path = "proxmox.bridge", .about = "Bridge that the machines are connected to.", .example = "vmbr0", .fallback = "vmbr0", .format = &kBridge},

    {.path = "network", .kind = Kind::map, .about = "The machines' network."},
    {.path = "network.cidr", .about = "All machines have their address in it.", .example = "10.10.10.0/24", .fallback = "10.10.10.0/24", .format = &kNetwork},
    {.path = "network.gateway", .about = "Way out; on the embedded node the address of the bridge.", .example = "10.10.10.1", .format = &kIpv4, .default_text = "the first address of the network"},
    {.path = "network.dns", .kind = Kind::list, .about = "Name servers.", .example = "[10.10.10.1]", .least = 1, .most = 3, .default_text = "the gateway"},
    {.path = "network.dns[]", .about = "One name server.", .example = "10.10.10.1", .format = &kIpv4},
    {.path = "network.search_domain", .about = "Domain that short names are looked up in.", .example = "lab.example.org", .format = &kDomain, .default_text = "the lab's name"},

    {.path = "template", .kind = Kind::map, .about = "The image that machines are cloned from."},
    {.path = "template.name", .about = "Name of the template VM.", .example = "pkr-ubuntu-noble-1", .format = &kLabel, .default_text = "`<name>-template`"},
    {.path = "template.vmid", .kind = Kind::integer, .about = "Number of the template VM.", .example = "90001", .fallback = "90001", .least = 100, .most = 999'999'999},
    {.path = "template.os", .about = "Distribution and release.", .example = "ubuntu-24.04", .fallback = "ubuntu-24.04", .choices = {"ubuntu-24.04", "debian-12", "debian-13"}},
    {.path = "template.locale", .about = "System locale.", .example = "fr_FR.UTF-8", .fallback = "en_US.UTF-8", .format = &kLocale},
    {.path = "template.keyboard", .about = "Keyboard layout of the console.", .example = "fr", .fallback = "us", .format = &kKeyboard},
    {.path = "template.timezone", .about = "Time zone.", .example = "Europe/Paris", .fallback = "Etc/UTC", .format = &kTimeZone},
    {.path = "template.packages", .kind = Kind::list, .about = "Packages beyond the base, cloud-init, the guest agent, the SSH server and sudo.", .example = "[vim, zip, unzip]", .fallback = "[]", .most = 500},
    {.path = "template.packages[]", .about = "One package.", .example = "vim", .format = &kPackage},
    {.path = "template.mirror", .about = "Package archive to build from.", .format = &kMirror, .default_text = "the distribution's own"},
    {.path = "template.image", .about = "A disk image of your own (raw or qcow2) to take as it is; then nothing is built.", .example = "~/images/base.qcow2", .format = &kImage, .default_text = "built as the rest of this block says"},
    {.path = "template.disk", .kind = Kind::bytes, .about = "Size of the template's disk; machines grow theirs.", .example = "4GiB", .fallback = "4GiB", .least = gib(2).count, .most = gib(1024).count},

    {.path = "access", .kind = Kind::map, .about = "Who logs in, and how."},
    {.path = "access.user", .about = "The machines' user, with sudo without password.", .example = "odin", .fallback = "odin", .format = &kUser},
    {.path = "access.ssh_port", .kind = Kind::integer, .about = "Port of the SSH server; public keys only.", .example = "2222", .fallback = "22", .least = 1, .most = 65535},
    {.path = "access.authorized_keys", .kind = Kind::list, .about = "Public keys that may log in.", .example = "[file:~/.ssh/id_ed25519.pub]", .fallback = "[file:~/.ssh/id_ed25519.pub]", .least = 1, .most = 100},
    {.path = "access.authorized_keys[]", .about = "One key, or a file of keys.", .example = "file:~/.ssh/id_ed25519.pub", .format = &kPublicKey},
    {.path = "access.console_password", .about = "Password or crypt(5) hash for the console only; without it no password works.", .example = "env:CI_ODIN_PASSWORD", .format = &kSecret, .secret = true},
  };
}

std::vector<Field> machine_fields() {
  return {
    {.path = "machines", .kind = Kind::list, .about = "Groups of machines that are alike.", .required = true, .least = 1, .most = 100},
    {.path = "machines[]", .kind = Kind::map, .about = "One group; its machines are called <name>-<group>-<number>."},
    {.path = "machines[].group", .about = "Name of the group.", .example = "master", .required = true, .format = &kLabel},
    {.path = "machines[].role", .about = "In the cluster: server (control plane), agent (worker) or plain (not part of it).", .example = "server", .fallback = "plain", .choices = {"server", "agent", "plain"}},
    {.path = "machines[].count", .kind = Kind::integer, .about = "How many; servers must be an odd number.", .example = "3", .fallback = "1", .least = 1, .most = 1000},
    {.path = "machines[].vmid", .kind = Kind::integer, .about = "Number of the first; the next ones follow.", .example = "1001", .least = 100, .most = 999'999'999, .default_text = "1001 for the first group, 1011 for the second, …"},
    {.path = "machines[].address", .about = "Address of the first; the next ones follow.", .example = "10.10.10.101", .format = &kIpv4, .default_text = "the network's address + 101 for the first group, + 111 for the second, …"},
    {.path = "machines[].cores", .kind = Kind::integer, .about = "Virtual processors.", .example = "2", .fallback = "2", .least = 1, .most = 256},
    {.path = "machines[].memory", .kind = Kind::bytes, .about = "Memory, in whole MiB.", .example = "4GiB", .fallback = "4GiB", .least = kLeastMemory, .most = kMostMemory},
    {.path = "machines[].disk", .kind = Kind::bytes, .about = "Size of the disk; it can grow, never shrink.", .example = "50GiB", .fallback = "50GiB", .least = kLeastDisk, .most = kMostDisk},
    {.path = "machines[].tags", .kind = Kind::list, .about = "Tags beside hlid's own two.", .example = "[rke2]", .fallback = "[]", .most = 30},
    {.path = "machines[].tags[]", .about = "One tag.", .example = "rke2", .format = &kTag},
    {.path = "machines[].clone", .about = "How they come from the template.", .example = "linked", .choices = {"full", "linked"}, .default_text = "as `clone` at the top"},
    {.path = "machines[].instant", .kind = Kind::boolean, .about = "Whether they begin in the memory of their template.", .example = "false", .default_text = "as `instant` at the top"},
    {.path = "machines[].start_at_boot", .kind = Kind::boolean, .about = "Start with the hypervisor.", .example = "true", .fallback = "true"},
    {.path = "machines[].node", .about = "Node they all run on.", .example = "asgard", .format = &kNode, .default_text = "the nodes in turn"},
    {.path = "machines[].labels", .kind = Kind::map, .about = "Labels of their Nodes in the cluster; changed live.", .example = "{tier: db}"},
    {.path = "machines[].labels.*", .about = "One label.", .example = "db", .format = &kLabelValue, .key = &kLabelKey, .bare = true},
    {.path = "machines[].taints", .kind = Kind::list, .about = "Taints of their Nodes; changed live.", .example = "[\"dedicated=db:NoSchedule\"]", .fallback = "[]", .most = 50},
    {.path = "machines[].taints[]", .about = "One taint.", .example = "dedicated=db:NoSchedule", .format = &kTaint},
    {.path = "machines[].overrides", .kind = Kind::map, .about = "What single machines have otherwise, by their number.", .example = "{3: {memory: 24GiB}}"},
    {.path = "machines[].overrides.*", .kind = Kind::map, .about = "One machine's values."},
    {.path = "machines[].overrides.*.vmid", .kind = Kind::integer, .about = "Its number.", .least = 100, .most = 999'999'999, .default_text = "the group's"},
    {.path = "machines[].overrides.*.address", .about = "Its address.", .format = &kIpv4, .default_text = "the group's"},
    {.path = "machines[].overrides.*.cores", .kind = Kind::integer, .about = "Its processors.", .least = 1, .most = 256, .default_text = "the group's"},
    {.path = "machines[].overrides.*.memory", .kind = Kind::bytes, .about = "Its memory.", .example = "24GiB", .least = kLeastMemory, .most = kMostMemory, .default_text = "the group's"},
    {.path = "machines[].overrides.*.disk", .kind = Kind::bytes, .about = "Its disk.", .least = kLeastDisk, .most = kMostDisk, .default_text = "the group's"},
    {.path = "machines[].overrides.*.tags", .kind = Kind::list, .about = "Its tags.", .most = 30, .default_text = "the group's"},
    {.path = "machines[].overrides.*.tags[]", .about = "One tag.", .format = &kTag},
    {.path = "machines[].overrides.*.start_at_boot", .kind = Kind::boolean, .about = "Start with the hypervisor.", .default_text = "the group's"},
    {.path = "machines[].overrides.*.labels", .kind = Kind::map, .about = "Labels beside the group's; one of the same key takes its place.", .example = "{tier: cache}"},
    {.path = "machines[].overrides.*.labels.*", .about = "One label.", .example = "cache", .format = &kLabelValue, .key = &kLabelKey, .bare = true},
    {.path = "machines[].overrides.*.taints", .kind = Kind::list, .about = "Its taints, in place of the group's.", .example = "[]", .most = 50, .default_text = "the group's"},
    {.path = "machines[].overrides.*.taints[]", .about = "One taint.", .example = "dedicated=db:NoSchedule", .format = &kTaint},
    {.path = "machines[].overrides.*.node", .about = "Its node.", .format = &kNode, .default_text = "the group's"},
  };
}

std::vector<Field> later_fields() {
  constexpr std::int64_t kMostKept = 10'000;
  return {
    {.path = "cluster", .kind = Kind::map, .about = "The Kubernetes cluster of the machines with a role."},
    {.path = "cluster.distribution", .about = "What is installed.", .example = "rke2", .fallback = "rke2", .choices = {"rke2", "k3s"}},
    {.path = "cluster.version", .about = "Release.", .example = "v1.34.1+rke2r1", .format = &kVersion, .default_text = "the newest of the channel"},
    {.path = "cluster.channel", .about = "Channel that the release is taken from when no version is given.", .example = "stable", .format = &kChannel, .default_text = "stable"},
    {.path = "cluster.artifacts", .about = "Folder with the release's files, or with folders called as releases, instead of fetching them (docs/releases.md).", .example = "~/rke2", .format = &kPath},
    {.path = "cluster.vip", .about = "Address of the control plane, held by one server at a time.", .example = "10.10.10.100", .format = &kIpv4},
    {.path = "cluster.cni", .about = "Network of the pods.", .example = "canal", .choices = {"canal", "cilium", "calico", "flannel", "none"}, .default_text = "canal; flannel for k3s"},
    {.path = "cluster.pod_network", .about = "Addresses of the pods; cannot be changed later.", .example = "10.42.0.0/16", .fallback = "10.42.0.0/16", .format = &kNetwork},
    {.path = "cluster.service_network", .about = "Addresses of the services; cannot be changed later.", .example = "10.43.0.0/16", .fallback = "10.43.0.0/16", .format = &kNetwork},
    {.path = "cluster.ingress", .about = "Ingress controller.", .example = "traefik", .choices = {"traefik", "ingress-nginx", "none"}, .default_text = "as the release has it"},
    {.path = "cluster.profile", .about = "Hardened after the CIS benchmark (rke2 only).", .example = "cis", .choices = {"cis"}, .default_text = "as the release has it"},
    {.path = "cluster.tls_san", .kind = Kind::list, .about = "Names and addresses that the API's certificate is good for, beside the vip and each server's own.", .example = "[k8s.example.org]", .fallback = "[]", .most = 50},
    {.path = "cluster.tls_san[]", .about = "One name or address.", .example = "k8s.example.org", .format = &kServerName},
    {.path = "cluster.options", .kind = Kind::map, .about = "Further keys of the distribution's configuration file, passed on as they are.", .example = "{kubelet-arg: [max-pods=200]}"},
    {.path = "cluster.options.*", .kind = Kind::list, .about = "A value, or several.", .example = "[max-pods=200]", .least = 1, .most = 200, .one_for_many = true, .key = &kOptionKey},
    {.path = "cluster.options.*[]", .about = "One value.", .format = &kAny, .bare = true},
    {.path = "cluster.max_unavailable", .kind = Kind::integer, .about = "How many workers may be down at once during an upgrade.", .example = "1", .fallback = "1", .least = 1, .most = 100},

    {.path = "publish", .kind = Kind::list, .about = "TCP ports of this host that lead to the machines; the embedded node only, whose network is not the host's.", .example = "[{port: 6443, to: vip}]", .fallback = "[]", .most = 64},
    {.path = "publish[]", .kind = Kind::map, .about = "One port."},
    {.path = "publish[].port", .kind = Kind::integer, .about = "Port on this host.", .example = "8080", .required = true, .least = 1, .most = 65535},
    {.path = "publish[].to", .about = "Where it leads: vip (the cluster's), a group (to whichever of its machines answer, in turn), a machine, or an address of the network.", .example = "worker", .required = true, .format = &kTarget},
    {.path = "publish[].target_port", .kind = Kind::integer, .about = "Port on the machine.", .example = "80", .least = 1, .most = 65535, .default_text = "as `port`"},
    {.path = "publish[].listen", .about = "Address of this host; 0.0.0.0 is all of them.", .example = "127.0.0.1", .fallback = "127.0.0.1", .format = &kIpv4},

    {.path = "backup", .kind = Kind::map, .about = "Scheduled backups of the machines."},
    {.path = "backup.schedule", .about = "Each day at this time.", .example = "\"02:00\"", .required = true, .format = &kSchedule},
    {.path = "backup.keep", .kind = Kind::map, .about = "How many are kept.", .example = "{daily: 7, weekly: 4}", .default_text = "all"},
    {.path = "backup.keep.last", .kind = Kind::integer, .about = "The newest.", .least = 1, .most = kMostKept},
    {.path = "backup.keep.hourly", .kind = Kind::integer, .about = "The last of each hour.", .least = 1, .most = kMostKept},
    {.path = "backup.keep.daily", .kind = Kind::integer, .about = "The last of each day.", .example = "7", .least = 1, .most = kMostKept},
    {.path = "backup.keep.weekly", .kind = Kind::integer, .about = "The last of each week.", .example = "4", .least = 1, .most = kMostKept},
    {.path = "backup.keep.monthly", .kind = Kind::integer, .about = "The last of each month.", .least = 1, .most = kMostKept},
    {.path = "backup.keep.yearly", .kind = Kind::integer, .about = "The last of each year.", .least = 1, .most = kMostKept},
    {.path = "backup.storage", .about = "Where they lie.", .example = "local", .fallback = "local", .format = &kStorage},
  };
}
// clang-format on

std::vector<Field> all_fields() {
  auto all = head_fields();
  for (auto&& part : {machine_fields(), later_fields()}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::string_view parent_of(std::string_view path) {
  if (path.size() > 2 && path.substr(path.size() - 2) == "[]") return path.substr(0, path.size() - 2);
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

}  // namespace

const std::vector<Field>& fields() {
  static const std::vector<Field> kFields = all_fields();
  return kFields;
}

const Field* find_field(std::string_view path) {
  static const auto kByPath = [] {
    std::unordered_map<std::string_view, const Field*> map;
    for (const auto& field : fields()) map.emplace(field.path, &field);
    return map;
  }();
  const auto found = kByPath.find(path);
  return found == kByPath.end() ? nullptr : found->second;
}

std::vector<const Field*> children_of(std::string_view path) {
  std::vector<const Field*> children;
  for (const auto& field : fields())
    if (field.path != path && parent_of(field.path) == path) children.push_back(&field);
  return children;
}

std::string_view last_name(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace hlid::spec
