#include "spec/rules.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::spec {
namespace {

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
  check_cluster_rules(top, draft, diagnostics);
  check_backup(top, diagnostics);
  check_publish_rules(top, draft, diagnostics);
}

}  // namespace hlid::spec
