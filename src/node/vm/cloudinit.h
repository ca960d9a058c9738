// What a machine's cloud-init drive holds, byte for byte as Proxmox VE writes it: a pure function of its
// configuration.
//
// Recorded from the real one: tests/golden/cloudinit/. Values are put into YAML unquoted, as Proxmox does;
// what would break out of a line was refused when the configuration was set.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "guest/identity.h"
#include "node/config/vm_config.h"

namespace hlid::node::vm {

/// The host's own resolver, for machines that name none.
struct HostDns {
  std::vector<std::string> servers;
  std::string search_domain;
};
/// From the text of resolv.conf(5).
HostDns parse_resolv_conf(std::string_view text);

/// A drive: volume label and files by path.
struct CloudInitDrive {
  std::string label;
  std::map<std::string, std::string> files;
};

/// By `citype`: nocloud, configdrive2, opennebula.
CloudInitDrive cloudinit_drive(Vmid vmid, const config::Section& values, const HostDns& dns);

/// The same values for a machine that is resumed rather than booted (its host keys and machine id are added
/// by who writes the drive). Only for configurations without an obstacle (instant/shape.h).
guest::Identity cloudinit_identity(Vmid vmid, const config::Section& values, const HostDns& dns);

/// Single files as GET cloudinit/dump shows them; `type` is user, network or meta.
std::string cloudinit_file(Vmid vmid, const config::Section& values, const HostDns& dns,
                           std::string_view type);

/// Keys that change the drive: ciuser, cipassword, sshkeys, ipconfigN, nameserver, searchdomain, cicustom,
/// citype, ciupgrade; with `and_hardware` also name and netN, which show in it.
bool is_cloudinit_key(std::string_view key, bool and_hardware = false);

/// "ip=10.0.0.5/24,gw=10.0.0.1" of ipconfigN; an absent or empty value means DHCP for both families.
struct IpConfig {
  std::string ip;  // CIDR, "dhcp", "manual" or ""
  std::string gw;
  std::string ip6;  // CIDR, "dhcp", "auto" or ""
  std::string gw6;
};
IpConfig parse_ipconfig(std::string_view value);

/// Throws ApiError 500 "SSH public key validation error" unless every line of the percent-encoded list is a
/// key.
void check_ssh_keys(const std::string& encoded);

}  // namespace hlid::node::vm
