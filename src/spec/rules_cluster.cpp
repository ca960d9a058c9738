// The cluster: quorum, what fits which distribution, what must not overlap, whose keys and labels are whose.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "model/node_marks.h"
#include "spec/rules.h"

namespace hlid::spec {
namespace {

using model::Role;

void check_roles(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  int servers = 0;
  const Group* last = nullptr;
  const Group* agents = nullptr;
  for (const auto& group : draft.groups) {
    if (group.role == Role::agent) agents = &group;
    if (group.role != Role::server) continue;
    servers += group.count;
    last = &group;
  }
  if (last != nullptr && servers % 2 == 0)
    diagnostics.error(
        last->count_at,
        fmt::format("{} servers: an even number survives no more losses than {}", servers, servers - 1),
        fmt::format("use {} or {}: etcd needs a majority", servers - 1, servers + 1));
  if (servers == 0 && top.has("cluster"))
    diagnostics.error(top.at("cluster"), "the cluster has no server", "give a group 'role: server'");
  if (servers == 0 && agents != nullptr && !top.has("cluster"))
    diagnostics.error(agents->at, "agents without a server",
                      "give a group 'role: server', or leave the role out");
}

void check_release(const Section& cluster, Diagnostics& diagnostics) {
  if (cluster.has("version") && cluster.has("channel"))
    diagnostics.error(cluster.at("channel"), "both a version and a channel",
                      "the version says all; remove the channel");
  const auto version = cluster.text("version");
  const auto distribution = cluster.text("distribution");
  if (!version.empty() && !contains(version, "+" + distribution))
    diagnostics.error(cluster.at("version"), fmt::format("'{}' is no release of {}", version, distribution),
                      "distribution: rke2 has v1.34.1+rke2r1, k3s has v1.34.1+k3s1");
}

/// What the distribution does not have at all.
void check_distribution(const Section& cluster, Diagnostics& diagnostics) {
  if (cluster.text("distribution") != "k3s") return;
  const auto cni = cluster.text("cni");
  if (cluster.has("cni") && cni != "flannel" && cni != "none")
    diagnostics.error(cluster.at("cni"), fmt::format("k3s does not bring '{}'", cni),
                      "flannel, or none and install it yourself");
  if (cluster.text("ingress") == "ingress-nginx")
    diagnostics.error(cluster.at("ingress"), "k3s does not bring 'ingress-nginx'", "traefik or none");
  if (cluster.has("profile"))
    diagnostics.error(cluster.at("profile"), "k3s has no profiles", "leave it out, or use rke2");
}

bool overlap(const Cidr& a, const Cidr& b) {
  return a.contains(b.network()) || b.contains(a.network());
}

/// Every node takes a /24 of the pods' network (kube-controller-manager, --node-cidr-mask-size).
void check_pod_room(const Section& cluster, const Draft& draft, Diagnostics& diagnostics) {
  const int prefix = draft.lab.cluster->pod_network.prefix;
  std::int64_t nodes = 0;
  for (const auto& group : draft.groups) nodes += group.role == Role::plain ? 0 : group.count;
  const std::int64_t room = prefix > 24 ? 0 : std::int64_t{1} << (24 - prefix);
  if (nodes > room)
    diagnostics.error(
        cluster.at("pod_network"),
        fmt::format("'pod_network': /{} has room for {} nodes, the cluster has {}", prefix, room, nodes),
        "every node takes a /24; make the prefix shorter");
}

void check_networks(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  if (!draft.lab.cluster) return;
  const Section cluster = top.map("cluster");
  const auto& pods = draft.lab.cluster->pod_network;
  const auto& services = draft.lab.cluster->service_network;
  const bool known = !top.map("network").is_wrong("cidr");
  const auto& machines = draft.lab.network.cidr;
  for (const auto& [name, network] : {std::pair("pod_network", pods), std::pair("service_network", services)})
    if (known && !cluster.is_wrong(name) && overlap(network, machines))
      diagnostics.error(cluster.at(name),
                        fmt::format("'{}': {} overlaps the machines' network {}", name, to_string(network),
                                    to_string(machines)),
                        fmt::format("give '{}' a network that nothing else uses: 172.20.0.0/16", name));
  if (!cluster.is_wrong("pod_network") && !cluster.is_wrong("service_network") && overlap(pods, services))
    diagnostics.error(
        cluster.at("service_network"),
        fmt::format("'service_network': {} overlaps the pods' {}", to_string(services), to_string(pods)),
        "the two must lie apart");
  if (!cluster.is_wrong("pod_network")) check_pod_room(cluster, draft, diagnostics);
}

void check_labels(const Section& from, Diagnostics& diagnostics) {
  for (const auto& label : from.free_entries("labels"))
    if (model::is_set_by_cluster(label.key))
      diagnostics.error(label.at, fmt::format("label '{}' is set by the cluster itself", label.key),
                        "leave it out");
}

void check_taints(const Section& from, Diagnostics& diagnostics) {
  std::map<std::string, std::string> known;
  for (const auto& [taint, at] : from.list("taints")) {
    const auto [first, is_new] = known.emplace(model::split_taint(taint).identity(), taint);
    if (!is_new)
      diagnostics.error(at, fmt::format("taint '{}' is given twice, as '{}', too", taint, first->second),
                        "a key has one value for each effect; keep one");
  }
}

void check_marks(const Section& top, Diagnostics& diagnostics) {
  for (const auto& group : top.maps("machines")) {
    const bool plain = !group.is_wrong("role") && group.text("role") == "plain";
    const auto check = [&](const Section& from) {
      for (const char* key : {"labels", "taints"})
        if (plain && from.has(key))
          diagnostics.error(from.at(key),
                            fmt::format("'{}' of machines that are no part of the cluster", key),
                            "give the group 'role: agent' or 'role: server', or leave this out");
      check_labels(from, diagnostics);
      check_taints(from, diagnostics);
    };
    check(group);
    for (const auto& [number, section] : group.entries("overrides")) check(section);
  }
}

}  // namespace

void check_cluster_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  const Section cluster = top.map("cluster");
  check_roles(top, draft, diagnostics);
  check_release(cluster, diagnostics);
  check_distribution(cluster, diagnostics);
  check_networks(top, draft, diagnostics);
  check_marks(top, diagnostics);
  check_options(cluster, diagnostics);
}

}  // namespace hlid::spec
