// docs.rke2.io/reference/server_config and linux_agent_config; docs.k3s.io/cli/server and cli/agent. Keys
// that hlid writes itself or refuses (spec/rules_options.cpp) are not here.
#include "model/distribution_option.h"

#include <algorithm>
#include <array>

namespace hlid::model {
namespace {

constexpr std::array kCommon{
    DistributionOption{"advertise-address"},
    DistributionOption{"cluster-dns"},
    DistributionOption{"cluster-domain"},
    DistributionOption{"container-runtime-endpoint", true},
    DistributionOption{"debug", true},
    DistributionOption{"default-runtime", true},
    DistributionOption{"disable"},
    DistributionOption{"disable-cloud-controller"},
    DistributionOption{"disable-default-registry-endpoint", true},
    DistributionOption{"disable-kube-proxy"},
    DistributionOption{"disable-scheduler"},
    DistributionOption{"egress-selector-mode"},
    DistributionOption{"embedded-registry"},
    DistributionOption{"enable-pprof", true},
    DistributionOption{"etcd-arg"},
    DistributionOption{"etcd-disable-snapshots"},
    DistributionOption{"etcd-expose-metrics"},
    DistributionOption{"etcd-s3"},
    DistributionOption{"etcd-s3-bucket"},
    DistributionOption{"etcd-s3-bucket-lookup-type"},
    DistributionOption{"etcd-s3-config-secret"},
    DistributionOption{"etcd-s3-endpoint"},
    DistributionOption{"etcd-s3-endpoint-ca"},
    DistributionOption{"etcd-s3-folder"},
    DistributionOption{"etcd-s3-insecure"},
    DistributionOption{"etcd-s3-proxy"},
    DistributionOption{"etcd-s3-region"},
    DistributionOption{"etcd-s3-retention"},
    DistributionOption{"etcd-s3-skip-ssl-verify"},
    DistributionOption{"etcd-s3-timeout"},
    DistributionOption{"etcd-snapshot-compress"},
    DistributionOption{"etcd-snapshot-name"},
    DistributionOption{"etcd-snapshot-reconcile-interval"},
    DistributionOption{"etcd-snapshot-retention"},
    DistributionOption{"etcd-snapshot-schedule-cron"},
    DistributionOption{"helm-job-image"},
    DistributionOption{"image-credential-provider-bin-dir", true},
    DistributionOption{"image-credential-provider-config", true},
    DistributionOption{"kube-apiserver-arg"},
    DistributionOption{"kube-cloud-controller-manager-arg"},
    DistributionOption{"kube-controller-manager-arg"},
    DistributionOption{"kube-proxy-arg", true},
    DistributionOption{"kube-scheduler-arg"},
    DistributionOption{"kubelet-arg", true},
    DistributionOption{"lb-server-port", true},
    DistributionOption{"node-external-dns", true},
    DistributionOption{"node-internal-dns", true},
    DistributionOption{"nonroot-devices", true},
    DistributionOption{"pause-image", true},
    DistributionOption{"private-registry", true},
    DistributionOption{"protect-kernel-defaults", true},
    DistributionOption{"resolv-conf", true},
    DistributionOption{"secrets-encryption-provider"},
    DistributionOption{"selinux", true},
    DistributionOption{"service-node-port-range"},
    DistributionOption{"servicelb-namespace"},
    DistributionOption{"snapshotter", true},
    DistributionOption{"supervisor-metrics"},
    DistributionOption{"system-default-registry"},
    DistributionOption{"tls-san-security"},
};

constexpr std::array kRke2{
    DistributionOption{"audit-policy-file", true},
    DistributionOption{"cloud-controller-manager-extra-env", true},
    DistributionOption{"cloud-controller-manager-extra-mount", true},
    DistributionOption{"cloud-controller-manager-image", true},
    DistributionOption{"cloud-provider-config", true},
    DistributionOption{"cloud-provider-name", true},
    DistributionOption{"control-plane-probe-configuration", true},
    DistributionOption{"control-plane-resource-limits", true},
    DistributionOption{"control-plane-resource-requests", true},
    DistributionOption{"enable-servicelb"},
    DistributionOption{"etcd-extra-env", true},
    DistributionOption{"etcd-extra-mount", true},
    DistributionOption{"etcd-image", true},
    DistributionOption{"kube-apiserver-extra-env", true},
    DistributionOption{"kube-apiserver-extra-mount", true},
    DistributionOption{"kube-apiserver-image", true},
    DistributionOption{"kube-controller-manager-extra-env", true},
    DistributionOption{"kube-controller-manager-extra-mount", true},
    DistributionOption{"kube-controller-manager-image", true},
    DistributionOption{"kube-proxy-extra-env", true},
    DistributionOption{"kube-proxy-extra-mount", true},
    DistributionOption{"kube-proxy-image", true},
    DistributionOption{"kube-scheduler-extra-env", true},
    DistributionOption{"kube-scheduler-extra-mount", true},
    DistributionOption{"kube-scheduler-image", true},
    DistributionOption{"kubelet-path", true},
    DistributionOption{"pod-security-admission-config-file", true},
    DistributionOption{"runtime-image", true},
};

constexpr std::array kK3s{
    DistributionOption{"default-local-storage-path"},
    DistributionOption{"disable-apiserver-lb", true},
    DistributionOption{"disable-helm-controller"},
    DistributionOption{"disable-network-policy"},
    DistributionOption{"flannel-backend"},
    DistributionOption{"flannel-cni-conf", true},
    DistributionOption{"flannel-conf", true},
    DistributionOption{"flannel-external-ip"},
    DistributionOption{"flannel-iface", true},
    DistributionOption{"flannel-ipv6-masq"},
    DistributionOption{"image-service-endpoint", true},
    DistributionOption{"prefer-bundled-bin", true},
    DistributionOption{"secrets-encryption"},
    DistributionOption{"vmodule", true},
};

template <typename Table>
const DistributionOption* find_in(const Table& table, std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& option) { return option.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace

const DistributionOption* find_option(std::string_view distribution, std::string_view name) {
  if (const auto* common = find_in(kCommon, name)) return common;
  return distribution == "k3s" ? find_in(kK3s, name) : find_in(kRke2, name);
}

std::vector<std::string> option_names(std::string_view distribution) {
  std::vector<std::string> names;
  const auto add = [&](const auto& table) {
    for (const auto& option : table) names.emplace_back(option.name);
  };
  add(kCommon);
  if (distribution == "k3s") {
    add(kK3s);
  } else {
    add(kRke2);
  }
  return names;
}

}  // namespace hlid::model
