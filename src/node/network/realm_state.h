// The files of one realm, and what its holder writes down about it so that a later daemon finds it again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "node/forward/run_forwarder.h"
#include "sys/process.h"

namespace hlid::node::network {

/// Where a realm keeps its files: `run/realm` of the node's folder.
struct RealmFiles {
  std::filesystem::path folder;

  std::filesystem::path state() const { return folder / "state.json"; }
  std::filesystem::path lock() const { return folder / "lock"; }
  std::filesystem::path log() const { return folder / "log"; }
  std::filesystem::path hosts() const { return folder / "hosts"; }
  std::filesystem::path dhcp_hosts() const { return folder / "dhcp-hosts"; }
  std::filesystem::path dnsmasq() const { return folder / "dnsmasq.conf"; }
  forward::ForwardFiles forward() const { return {folder}; }
};

RealmFiles realm_files(const std::filesystem::path& node_folder);

/// What is known of a running realm.
struct RealmState {
  std::string id;  ///< random; also the alias of the realm's `lo`, which proves a namespace ours
  std::uint64_t namespace_id = 0;  ///< inode of the network namespace
  bool user_namespace = false;
  sys::ProcessId holder;  ///< supervises the rest, in the host's namespaces
  sys::ProcessId anchor;  ///< does nothing but live in the realm's namespaces
  std::optional<sys::ProcessId> uplink;
  std::optional<sys::ProcessId> dns;
  std::optional<sys::ProcessId> forwarder;  ///< once a port was published
  std::string problem;                      ///< what does not work at the moment, or ""
};

/// nullopt when there is none, or when it is not readable as one (which is then the same).
std::optional<RealmState> read_realm_state(const RealmFiles& files);
void write_realm_state(const RealmFiles& files, const RealmState& state);

}  // namespace hlid::node::network
