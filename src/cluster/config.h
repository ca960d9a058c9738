#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "cluster/place.h"
#include "model/homelab.h"

/// A machine's configuration of the distribution (facts: RKE2 "Configuration File", docs.rke2.io/install/
/// configuration). hlid writes drop-ins only, in config.yaml.d of /etc/rancher/<distribution>; config.yaml
/// and later drop-ins are the operator's. Everything here is pure.
namespace hlid::cluster {

/// Where a machine is in its life, which decides `server:`.
enum class Stage {
  first_boot,  ///< it founds a new cluster: no `server:` (K3s: `cluster-init`)
  joining,     ///< `server:` is a server that answers now
  settled,     ///< `server:` is where it would find the others if its disk were lost
};

/// …/config.yaml.d/10-hlid.yaml: everything but the token. 0644.
std::string config_path(const std::string& distribution);
/// …/config.yaml.d/11-hlid-token.yaml: only `token:`. 0600.
std::string token_path(const std::string& distribution);
/// A copy of the drop-in as it was when the unit last started, made by the unit itself (ExecStartPre), so
/// that it is right also after reboots and restarts by others. Not there: not started since the machine
/// booted.
std::string applied_path(const std::string& distribution);

/// The drop-in, as YAML of one line per key with every value quoted. `server_url` as by server_url(), only
/// for Stage::joining. The role is the machine's; not plain. Throws std::logic_error when it is.
std::string render_config(const model::Homelab& lab, const model::Machine& machine, Stage stage,
                          std::string_view server_url = {});
/// The drop-in and the units' own drop-ins that record it: all that a machine needs before its unit starts,
/// but for the token. After a change under /etc/systemd/system the caller runs `systemctl daemon-reload`.
std::vector<MachineFile> config_files(const model::Homelab& lab, const model::Machine& machine, Stage stage,
                                      std::string_view server_url = {});
/// Every path that hlid may have written on a machine and that the distribution's uninstaller leaves behind.
std::vector<std::string> leftover_paths(const std::string& distribution);

/// The content of token_path(); to be written by Guest::write_file with mode 0600.
Secret render_token(const Secret& token);

/// "https://10.10.10.101:9345" (K3s: 6443).
std::string server_url(const std::string& distribution, Ipv4 address);
/// What Stage::settled has as `server:`: the VIP, else the first server of the file that is not the machine
/// itself; empty for the only server of a lab without a VIP.
std::string settled_url(const model::Homelab& lab, const model::Machine& machine);

/// SHA-256 over what makes a restart necessary: not labels and taints (they change live), `server:` and
/// `cluster-init` (only read by machines that are not yet members).
std::string config_hash(std::string_view rendered);
std::string config_hash(const model::Homelab& lab, const model::Machine& machine);
/// The keys in which two renderings differ and whose change needs a restart; sorted. `applied` empty: all.
std::vector<std::string> pending_keys(std::string_view applied, std::string_view wanted);

}  // namespace hlid::cluster
