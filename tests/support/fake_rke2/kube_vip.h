#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_rke2/api.h"

/// kube-vip in ARP mode, as a DaemonSet or a static pod on servers.
namespace hlid::fake_rke2 {

struct KubeVip {
  std::string image;
  std::map<std::string, std::string> environment;
};

/// What a DaemonSet in the cluster, or else a file in D/agent/pod-manifests, asks for.
std::optional<KubeVip> wanted_kube_vip(Api& api, const Layout& layout);

/// The container: takes the lease `vip_leasename` through the API server of this node and has the address on
/// `vip_interface` while it holds it. `arguments`: "manager", the node's name, KEY=VALUE…. Ended by SIGTERM
/// it takes the address away; killed it cannot.
int kube_vip_main(const std::vector<std::string>& arguments);

}  // namespace hlid::fake_rke2
