#include "spec/rules.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::spec {
namespace {

using model::Role;

void check_proxmox(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  const Section from = top.map("proxmox");
  const bool endpoint = from.has("endpoint");
  if (from.is_wrong("endpoint")) return;
  if (endpoint && !from.has("token") && !from.is_wrong("token"))
    diagnostics.error(from.at("endpoint"), "an endpoint needs a token",
                      "token: env:PROXMOX_TOKEN, holding user@realm!name=uuid");
  for (const char* key : {"token", "fingerprint", "ca"})
    if (!endpoint && from.has(key))
      diagnostics.error(from.at(key), fmt::format("'{}' without an endpoint", key),
                        "name the endpoint, or leave this out for the embedded node");
  if (from.has("fingerprint") && from.has("ca"))
    diagnostics.error(from.at("fingerprint"), "both a fingerprint and a CA",
                      "the CA vouches for the certificate; give one of them");
  if (!endpoint && draft.lab.proxmox.nodes.size() > 1)
    diagnostics.error(from.at("node"), "several nodes without an endpoint",
                      "the embedded node is one; name one node, or the endpoint of a cluster");
}

void check_cluster(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
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

void check_release(const Section& top, Diagnostics& diagnostics) {
  const Section cluster = top.map("cluster");
  if (cluster.has("version") && cluster.has("channel"))
    diagnostics.error(cluster.at("channel"), "both a version and a channel",
                      "the version says all; remove the channel");
  const auto version = cluster.text("version");
  const auto distribution = cluster.text("distribution");
  if (!version.empty() && !contains(version, "+" + distribution))
    diagnostics.error(cluster.at("version"), fmt::format("'{}' is no release of {}", version, distribution),
                      "distribution: rke2 has v1.34.1+rke2r1, k3s has v1.34.1+k3s1");
}

void check_backup(const Section& top, Diagnostics& diagnostics) {
  const Section backup = top.map("backup");
  if (backup.has("keep") && backup.map("keep").empty())
    diagnostics.error(backup.at("keep"), "'keep' names nothing", "for example {daily: 7, weekly: 4}");
}

}  // namespace

void check_rules(const Section& top, const Draft& draft, Diagnostics& diagnostics) {
  check_proxmox(top, draft, diagnostics);
  check_network_rules(top, draft, diagnostics);
  check_machine_rules(top, draft, diagnostics);
  check_overlaps(top, draft, diagnostics);
  check_cluster(top, draft, diagnostics);
  check_release(top, diagnostics);
  check_backup(top, diagnostics);
  check_publish_rules(top, draft, diagnostics);
}

}  // namespace hlid::spec
