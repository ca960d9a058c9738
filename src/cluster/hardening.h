#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cluster/guest.h"
#include "model/homelab.h"

namespace hlid::cluster {

/// Settings of the host that the distribution needs, before its first start: kernel modules and sysctls that
/// last over reboots, and with `profile: cis` what its start is refused without (docs.rke2.io/security/
/// hardening_guide): the kernel parameters of <prefix>/share/rke2/rke2-cis-sysctl.conf and, on servers, user
/// and group `etcd` in /etc/passwd and /etc/group. Done again it changes nothing, also while the unit runs:
/// only values that differ are written, so those of the pods' network stay.
/// The release is installed. Throws Error(failed) with the machine's own words; precondition when the release
/// has no such file or the kernel does not take a value.
void prepare_host(Guest& guest, const model::Cluster& cluster, model::Role role,
                  std::string_view prefix = "/usr/local");

/// The files that it makes.
std::vector<std::string_view> host_setting_paths();
/// The script and its positional arguments: for tests that run it without a machine. `root` is put before
/// every path ("" in a machine).
std::string_view prepare_script();
std::vector<std::string> prepare_arguments(const model::Cluster& cluster, model::Role role,
                                           std::string_view prefix, std::string_view root = "");

}  // namespace hlid::cluster
