// What Proxmox VE's configuration options are and how a change of them becomes a configuration: pure
// functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "node/config/vm_config.h"
#include "node/vm/machines.h"

namespace hlid::sys {
class Random;
}

namespace hlid::node::vm {

/// A configuration option of Proxmox's schema (also `unusedN`).
bool is_option(std::string_view key);
/// The JSON value that GET config shows: numbers for integer and boolean options, text for the rest.
json::value typed_value(std::string_view key, const std::string& value);
/// Options that a running machine takes over at once: they do not reach QEMU.
bool applies_at_once(std::string_view key);
/// Options that only root@pam itself may set.
bool is_root_only(std::string_view key, std::string_view value);

/// Throws ApiError for a value that would break out of its line in the file.
void check_plain(std::string_view key, const std::string& value);
/// Separators become ';', duplicates go.
std::string normalised_tags(std::string_view text);
/// Upper case, with the vendor prefix that Proxmox has.
std::string new_mac(sys::Random& random);
/// The card's value as stored: sub-keys ordered, a MAC made when there is none. Throws ApiError.
std::string stored_net(std::string_view key, const std::string& value, sys::Random& random);
/// sha256-crypt of a clear password; hashes (and any password of a Windows guest) stay as they are.
std::string stored_password(const std::string& password, bool windows, sys::Random& random);

/// What Proxmox adds at creation: boot order, smbios1 uuid, vmgenid, meta.
void add_creation_defaults(config::Section& values, const std::string& qemu_version, std::int64_t now,
                           sys::Random& random);
/// The same machine as another: new uuid and vmgenid, new MACs; without lock, template, snapshots, unused,
/// parent.
config::Section as_clone(const config::Section& source, sys::Random& random);

/// "order=…" without `key`, or with it at the end; nullopt when nothing changes or there is no order.
std::optional<std::string> boot_without(const config::Section& values, std::string_view key);
std::optional<std::string> boot_with(const config::Section& values, std::string_view key);

/// Moves pending changes into the main section; those for which `wanted` says no stay. Returns the volumes
/// that are to be released once the config is written (the others became unusedN).
std::vector<std::string> apply_pending(config::VmConfig& config,
                                       const std::function<bool(const std::string& key)>& wanted);
/// Drops pending values that equal the current ones, and deletions of what is not there.
void tidy_pending(config::VmConfig& config);
/// Throws ApiError "invalid bootorder: device 'x' does not exist'" (the stray quote is Proxmox's).
void check_boot_order(const config::VmConfig& config, const std::string& boot);

}  // namespace hlid::node::vm
