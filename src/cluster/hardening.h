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
/// and group `etcd` in /etc/passwd and /etc/group. Done again it changes nothing. Sysctls are applied only
/// when the unit is not running, because applying them again can undo those of the pods' network.
/// The release is installed. Throws Error(failed) with the machine's own words; not_found when the release
/// has no such file.
void prepare_host(Guest& guest, const model::Cluster& cluster, model::Role role,
                  std::string_view prefix = "/usr/local");

}  // namespace hlid::cluster
