#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "cluster/place.h"
#include "model/homelab.h"

/// The control plane's address, held by one server at a time: kube-vip as a DaemonSet on the servers
/// (kube-vip.io, "DaemonSet"; ARP mode), deployed by the distribution from its manifests folder.
namespace hlid::cluster {

/// D/server/manifests/kube-vip.yaml. Every server has the same; it must be there before the first start.
std::string kube_vip_path(const std::string& distribution);

/// The manifest: service account, role, binding and DaemonSet. `interface` is that of the servers' address
/// ("eth0"); `image` a whole reference with a tag ("ghcr.io/kube-vip/kube-vip:v0.8.7") that is in the
/// release's image archives: machines need no registry. The lab has a vip.
std::string render_kube_vip(const model::Homelab& lab, std::string_view interface, std::string_view image);
MachineFile kube_vip_file(const model::Homelab& lab, std::string_view interface, std::string_view image);

/// The interface that has `address`, from the output of `ip -o -4 addr show`; nullopt: none.
std::optional<std::string> interface_of(std::string_view ip_output, Ipv4 address);
/// Asks the machine. Throws Error(precondition) that says which interfaces there are.
std::string find_interface(Guest& guest, Ipv4 address);

}  // namespace hlid::cluster
