#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/secret.h"
#include "model/homelab.h"
#include "model/observed.h"
#include "pve/cluster.h"
#include "pve/vms.h"

/// The table between our machines and Proxmox's configuration keys, both ways and pure: what is written here
/// is what is read back there. (qemu-server, PVE/QemuServer.pm, the configuration's schema.)
namespace hlid::drive {

/// The values for a configure step: `what` are the keys of its details (plan/step.h). `password` is used when
/// "password" is among them and it is not empty.
pve::Form machine_form(const model::Homelab& lab, const model::Machine& machine,
                       const std::set<std::string>& what, const Secret& password);

/// The template's machine, before it has a disk and becomes a template.
pve::Form template_form(const model::Homelab& lab, const std::string& key, const std::string& import_volume);

/// Descriptions carry two marks, one a line: "hlid-machine: <lab>/<name>" and "hlid-template: <key>".
std::string machine_description(const std::string& lab, const std::string& name,
                                const std::string& template_key);
std::string template_description(const std::string& lab, const std::string& key);
std::string mark_of(const pve::VmConfig& config);
std::string template_key_of(const pve::VmConfig& config);

/// The SMBIOS UUID in lower case; "" when there is none.
std::string uuid_of(const pve::VmConfig& config);
/// Which drive the machine boots from: the first of the boot order that is a disk, else the first disk.
std::string boot_disk_of(const pve::VmConfig& config);
/// The size written in a drive's value; 0 when it tells none.
Bytes size_of_drive(const std::string& value);
bool has_cloud_init_drive(const pve::VmConfig& config);

/// What is told about a guest without asking for its configuration.
model::ObservedMachine read_resource(const pve::Resource& resource);
/// Completed by its configuration.
void read_config(const pve::VmConfig& config, model::ObservedMachine& machine);

}  // namespace hlid::drive
