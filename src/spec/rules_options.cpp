// cluster.options: keys of the distribution's own configuration, passed on. The distribution skips a key that
// it does not know with a line in its journal, so a typing error must be found here.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "model/distribution_option.h"
#include "spec/rules.h"

namespace hlid::spec {
namespace {

struct Taken {
  std::string_view key, instead;
};

/// What hlid writes itself, or what would pull the ground from under it.
constexpr std::array kTaken{
    Taken{"agent-token-file", "agents join with the cluster's token"},
    Taken{"bind-address", "hlid reaches the servers at their own addresses"},
    Taken{"cluster-cidr", "use cluster.pod_network"},
    Taken{"cluster-init", "hlid decides which server begins the cluster"},
    Taken{"cluster-reset", "use 'hlid cluster restore'"},
    Taken{"cluster-reset-restore-path", "use 'hlid cluster restore'"},
    Taken{"cni", "use cluster.cni"},
    Taken{"config", "the operator's own file is config.yaml beside hlid's"},
    Taken{"data-dir", "hlid looks for the cluster's data in its usual folder"},
    Taken{"datastore-endpoint", "the cluster keeps its state in the servers' own etcd"},
    Taken{"disable-agent", "hlid waits for every server's Node"},
    Taken{"disable-apiserver", "every server runs the whole control plane"},
    Taken{"disable-controller-manager", "every server runs the whole control plane"},
    Taken{"disable-etcd", "every server runs the whole control plane"},
    Taken{"etcd-snapshot-dir", "hlid collects snapshots from their usual folder"},
    Taken{"https-listen-port", "hlid reaches the API at port 6443"},
    Taken{"ingress-controller", "use cluster.ingress"},
    Taken{"node-external-ip", "it would be the same for all machines"},
    Taken{"node-ip", "it is each machine's address"},
    Taken{"node-label", "use 'labels' of a group of machines"},
    Taken{"node-name", "it is each machine's name"},
    Taken{"node-taint", "use 'taints' of a group of machines"},
    Taken{"profile", "use cluster.profile"},
    Taken{"rootless", "hlid installs it as a service of the system"},
    Taken{"server", "hlid writes it"},
    Taken{"service-cidr", "use cluster.service_network"},
    Taken{"tls-san", "use cluster.tls_san"},
    Taken{"token-file", "hlid makes it; 'hlid cluster token' shows and changes it"},
    Taken{"with-node-id", "Nodes have their machines' names"},
    Taken{"write-kubeconfig", "use 'hlid cluster kubeconfig'"},
    Taken{"write-kubeconfig-group", "use 'hlid cluster kubeconfig'"},
    Taken{"write-kubeconfig-mode", "use 'hlid cluster kubeconfig'"},
};

struct Secretive {
  std::string_view key, instead;
};

/// Their values are secrets, which have no place in the file.
constexpr std::array kSecrets{
    Secretive{"agent-token", "agents join with the cluster's token"},
    Secretive{"etcd-s3-access-key", "name a Kubernetes secret: etcd-s3-config-secret"},
    Secretive{"etcd-s3-secret-key", "name a Kubernetes secret: etcd-s3-config-secret"},
    Secretive{"etcd-s3-session-token", "name a Kubernetes secret: etcd-s3-config-secret"},
    Secretive{"token", "hlid makes it; 'hlid cluster token' shows and changes it"},
    Secretive{"vpn-auth", "put it into config.yaml on the machines"},
};

template <typename Table>
std::string_view instead_of(const Table& table, std::string_view key) {
  for (const auto& one : table)
    if (one.key == key) return one.instead;
  return {};
}

/// K3s has no key for its ingress controller and its pods' network: hlid writes these where asked to.
std::string_view taken_for_k3s(const Section& cluster, std::string_view key) {
  if (cluster.text("distribution") != "k3s") return {};
  if (key == "disable" && cluster.text("ingress") == "none")
    return "hlid writes it for 'ingress: none'; list traefik here and leave 'ingress' out";
  const bool network = key == "flannel-backend" || key == "disable-network-policy";
  if (network && cluster.text("cni") == "none") return "hlid writes it for 'cni: none'";
  return {};
}

void check_unknown(const Section& cluster, const FreeEntry& option, Diagnostics& diagnostics) {
  const auto distribution = cluster.text("distribution");
  if (model::find_option(distribution, option.key) != nullptr) return;
  const auto near = suggest(option.key, model::option_names(distribution));
  diagnostics.warning(option.at,
                      fmt::format("'{}' is no key of {} that hlid knows", option.key, distribution),
                      near.empty() ? fmt::format("{} skips keys that it does not know itself", distribution)
                                   : fmt::format("did you mean '{}'?", near));
}

}  // namespace

void check_options(const Section& cluster, Diagnostics& diagnostics) {
  for (const auto& option : cluster.free_entries("options")) {
    auto instead = instead_of(kTaken, option.key);
    if (instead.empty()) instead = taken_for_k3s(cluster, option.key);
    if (const auto secret = instead_of(kSecrets, option.key); !secret.empty()) {
      diagnostics.secret_error(option.at,
                               fmt::format("'{}': a secret must not be written in the file", option.key),
                               std::string(secret));
    } else if (!instead.empty()) {
      diagnostics.error(option.at, fmt::format("'{}' is not for 'options'", option.key),
                        std::string(instead));
    } else {
      check_unknown(cluster, option, diagnostics);
    }
  }
}

}  // namespace hlid::spec
