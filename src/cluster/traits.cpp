#include "cluster/traits.h"

#include "base/error.h"

namespace hlid::cluster {
namespace {

// The supervisor, the join and etcd's management are one code base in both distributions, so are their words.
constexpr FatalLine kFatalLines[] = {
    {"bootstrap data already found and encrypted with different token",
     "the cluster's data is encrypted with another token than this server has",
     "give the server the token that the cluster was made with", false},
    {"token CA hash does not match", "the token names another cluster authority than the server shows",
     "compare the token with the one on a healthy server; the address may lead to another cluster", false},
    {"duplicate node name found", "etcd still has a member of this name",
     "hlid replace NAME removes the old member first", false},
    {"critical configuration value mismatch",
     "this server's settings differ from those the cluster was made with",
     "make the value the one that the other servers have; it cannot change later", false},
    {"is a not a member of the etcd cluster", "the cluster has removed this server's etcd member",
     "hlid replace NAME joins it anew", false},
    {"the member has been permanently removed from the cluster",
     "the cluster has removed this server's etcd member", "hlid replace NAME joins it anew", false},
    {"cannot perform cluster-reset while server URL is set",
     "a reset was asked for while the configuration names a server to join", "hlid cluster restore", false},
    {"Node password rejected", "the cluster has another machine's password under this name",
     "hlid replace NAME deletes the old node and its password first", false},
    {"not authorized", "the token was refused", "compare the token with the one on a healthy server", false},
    {"invalid profile provided", "this release does not know the profile", "profile: cis", false},
    {"missing required: user: unknown user etcd", "the profile needs a user 'etcd' in /etc/passwd",
     "hlid up makes it; look at what removed it", false},
    {"missing required: group: unknown group etcd", "the profile needs a group 'etcd' in /etc/group",
     "hlid up makes it; look at what removed it", false},
    {"invalid kernel parameter value", "a sysctl is not what the profile demands",
     "hlid up sets it; look at what changed it", false},
    {"kubelet is configured to not run on a host using cgroup v1", "the machine runs cgroup v1",
     "use an image with cgroup v2", false},
    {"failed to get CA certs", "the server to join did not answer",
     "look at that server first: hlid logs NAME", true},
    {"etcdserver: unhealthy cluster",
     "a member of etcd is down, and etcd adds none until it is back or removed",
     "bring it back, or hlid replace NAME", true},
    {"too many learner members in cluster", "another server is joining", "wait; one joins after the other",
     true},
    {"no space left on device", "the disk is full", "make the machine's disk larger in the file", true},
    {"certificate has expired or is not yet valid", "a certificate is out of its time, or the clock is wrong",
     "hlid cluster certificates; compare the machine's clock", true},
};

constexpr std::string_view kRke2Progress[] = {
    "Importing images",
    "Imported images",
    "Waiting to retrieve agent configuration; server is not ready",
    "Adding member",
    "Waiting for other members to finish joining etcd cluster",
    "ETCD server is now running",
    "Promoted learner",
    "Kube API server is now running",
    "rke2 is up and running",
    "rke2 agent is up and running",
};

constexpr std::string_view kK3sProgress[] = {
    "Importing images",
    "Imported images",
    "Waiting to retrieve agent configuration; server is not ready",
    "Adding member",
    "Waiting for other members to finish joining etcd cluster",
    "ETCD server is now running",
    "Promoted learner",
    "Kube API server is now running",
    "k3s is up and running",
    "k3s agent is up and running",
};

constexpr Traits kRke2{
    .name = "rke2",
    .data = "/var/lib/rancher/rke2",
    .config = "/etc/rancher/rke2/config.yaml",
    .registries = "/etc/rancher/rke2/registries.yaml",
    .kubeconfig = "/etc/rancher/rke2/rke2.yaml",
    .program = "/usr/local/bin/rke2",
    .kubectl = "/var/lib/rancher/rke2/bin/kubectl",
    .server_unit = "rke2-server",
    .agent_unit = "rke2-agent",
    .killall = "/usr/local/bin/rke2-killall.sh",
    .server_uninstall = "/usr/local/bin/rke2-uninstall.sh",
    .agent_uninstall = "/usr/local/bin/rke2-uninstall.sh",
    .runtime_image = "rancher/rke2-runtime",
    .releases = "https://github.com/rancher/rke2/releases/download",
    .channels = "https://update.rke2.io/v1-release/channels",
    .supervisor_port = 9345,
    .api_port = 6443,
    .cluster_init = false,
    .etcd_in_process = false,
    .bundled_kube_vip = true,
    .fatal_lines = kFatalLines,
    .progress_lines = kRke2Progress,
};

constexpr Traits kK3s{
    .name = "k3s",
    .data = "/var/lib/rancher/k3s",
    .config = "/etc/rancher/k3s/config.yaml",
    .registries = "/etc/rancher/k3s/registries.yaml",
    .kubeconfig = "/etc/rancher/k3s/k3s.yaml",
    .program = "/usr/local/bin/k3s",
    .kubectl = "/var/lib/rancher/k3s/data/current/bin/kubectl",
    .server_unit = "k3s",
    .agent_unit = "k3s-agent",
    .killall = "/usr/local/bin/k3s-killall.sh",
    .server_uninstall = "/usr/local/bin/k3s-uninstall.sh",
    .agent_uninstall = "/usr/local/bin/k3s-uninstall.sh",
    .runtime_image = "",
    .releases = "https://github.com/k3s-io/k3s/releases/download",
    .channels = "https://update.k3s.io/v1-release/channels",
    .supervisor_port = 6443,
    .api_port = 6443,
    .cluster_init = true,
    .etcd_in_process = true,
    .bundled_kube_vip = false,
    .fatal_lines = kFatalLines,
    .progress_lines = kK3sProgress,
};

}  // namespace

std::string Traits::under(std::string_view path) const {
  return std::string(data) + "/" + std::string(path);
}

const Traits& traits_of(std::string_view distribution) {
  for (const auto* traits : {&kRke2, &kK3s})
    if (traits->name == distribution) return *traits;
  throw Error(Errc::unsupported, "there is no distribution '{}'", distribution)
      .with_hint("cluster.distribution: rke2 or k3s");
}

const FatalLine* find_fatal(const Traits& traits, std::string_view line) {
  for (const auto& fatal : traits.fatal_lines)
    if (line.find(fatal.text) != std::string_view::npos) return &fatal;
  return nullptr;
}

}  // namespace hlid::cluster
