#include "cluster/kube_vip.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

// What it may do is what its leader election needs (kube-vip.io, "RBAC").
constexpr std::string_view kAccount = R"(# Written by hlid: the control plane's address.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: kube-vip
  namespace: kube-system
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: system:kube-vip-role
rules:
  - apiGroups: [""]
    resources: ["services/status"]
    verbs: ["update"]
  - apiGroups: [""]
    resources: ["services", "endpoints"]
    verbs: ["get", "list", "watch", "update"]
  - apiGroups: [""]
    resources: ["nodes"]
    verbs: ["get", "list", "watch", "update", "patch"]
  - apiGroups: [""]
    resources: ["pods"]
    verbs: ["list"]
  - apiGroups: ["discovery.k8s.io"]
    resources: ["endpointslices"]
    verbs: ["get", "list", "watch", "update"]
  - apiGroups: ["coordination.k8s.io"]
    resources: ["leases"]
    verbs: ["get", "list", "watch", "create", "update"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: system:kube-vip-binding
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:kube-vip-role
subjects:
  - kind: ServiceAccount
    name: kube-vip
    namespace: kube-system
---
)";

// On every server, whatever its taints, in its own network; no metrics port, which could be taken.
constexpr std::string_view kDaemonSetHead = R"(apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: kube-vip
  namespace: kube-system
  labels:
    app.kubernetes.io/name: kube-vip
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: kube-vip
  template:
    metadata:
      labels:
        app.kubernetes.io/name: kube-vip
    spec:
      hostNetwork: true
      priorityClassName: system-node-critical
      serviceAccountName: kube-vip
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions:
                  - key: node-role.kubernetes.io/control-plane
                    operator: Exists
              - matchExpressions:
                  - key: node-role.kubernetes.io/master
                    operator: Exists
      tolerations:
        - operator: Exists
          effect: NoSchedule
        - operator: Exists
          effect: NoExecute
      containers:
        - name: kube-vip
)";

constexpr std::string_view kContainerTail = R"(          imagePullPolicy: IfNotPresent
          args: ["manager", "--prometheusHTTPServer", ""]
          securityContext:
            capabilities:
              add: ["NET_ADMIN", "NET_RAW"]
          env:
            - name: vip_nodename
              valueFrom:
                fieldRef:
                  fieldPath: spec.nodeName
)";

std::string quoted(std::string_view text) {
  return to_text(json::string(text));
}

/// The lease outlives two lost tries; a dead holder is replaced within `vip_leaseduration` seconds.
std::string environment(const model::Homelab& lab, std::string_view interface) {
  const auto vip = to_string(*lab.cluster->vip);
  const auto port = std::to_string(traits_of(lab.cluster->distribution).api_port);
  const std::pair<std::string_view, std::string_view> variables[] = {
      {"address", vip},
      {"port", port},
      {"vip_interface", interface},
      {"vip_subnet", "32"},  // v0.8 and later
      {"vip_cidr", "32"},    // before
      {"vip_arp", "true"},
      {"cp_enable", "true"},
      {"cp_namespace", "kube-system"},
      {"svc_enable", "false"},
      {"vip_leaderelection", "true"},
      {"vip_leasename", "plndr-cp-lock"},
      {"vip_leaseduration", "5"},
      {"vip_renewdeadline", "3"},
      {"vip_retryperiod", "1"},
  };
  std::string out;
  for (const auto& [name, value] : variables)
    out += fmt::format("            - name: {}\n              value: {}\n", name, quoted(value));
  return out;
}

}  // namespace

std::string kube_vip_path(const std::string& distribution) {
  return traits_of(distribution).under("server/manifests/kube-vip.yaml");
}

std::string render_kube_vip(const model::Homelab& lab, std::string_view interface, std::string_view image) {
  return fmt::format("{}{}          image: {}\n{}{}", kAccount, kDaemonSetHead, quoted(image), kContainerTail,
                     environment(lab, interface));
}

MachineFile kube_vip_file(const model::Homelab& lab, std::string_view interface, std::string_view image) {
  return {kube_vip_path(lab.cluster->distribution), render_kube_vip(lab, interface, image), "0600"};
}

std::optional<std::string> interface_of(std::string_view ip_output, Ipv4 address) {
  // ip-address(8), -oneline: "2: eth0    inet 10.10.10.101/24 brd … scope global eth0"
  for (const auto& line : split(ip_output, '\n')) {
    const auto words = split_list(line, " \t");
    if (words.size() < 4 || words[2] != "inet") continue;
    const auto there = parse_ipv4(words[3].substr(0, words[3].find('/')));
    if (there == address) return words[1].substr(0, words[1].find('@'));
  }
  return std::nullopt;
}

std::string find_interface(Guest& guest, Ipv4 address) {
  const Ran ran = guest.run("# hlid:addresses\nip -o -4 addr show\n");
  if (const auto found = interface_of(ran.output, address)) return *found;
  std::vector<std::string> there;
  for (const auto& line : split(ran.output, '\n')) {
    const auto words = split_list(line, " \t");
    if (words.size() >= 4) there.push_back(fmt::format("{} {}", words[1], words[3]));
  }
  throw Error(Errc::precondition, "'{}' has no interface with the address {} of the file", guest.name(),
              to_string(address))
      .with_hint(there.empty() ? std::string(trim(ran.error_output))
                               : fmt::format("it has {}", join(there, ", ")));
}

}  // namespace hlid::cluster
