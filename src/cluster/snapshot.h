#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/site.h"
#include "model/observed_cluster.h"

/// Bundles: one file each, outside the machines, with all that a cluster needs to live again: etcd's
/// snapshot, the token without which it cannot be decrypted, certificates and keys, encryption configuration,
/// versions. A bundle is worth as much as the cluster's administrator: 0600.
namespace hlid::cluster {

inline constexpr const char* kBundleExtension = ".hlid-snapshot";

struct Bundle {
  std::filesystem::path file;  ///< "<lab>-<UTC time>[-<label>].hlid-snapshot": a ustar archive
  std::string lab;
  std::string label;                        ///< of whoever took it: "", "upgrade" …
  std::string taken_on;                     ///< machine
  std::int64_t taken_at = 0;                ///< Unix seconds
  std::string distribution;                 ///< "rke2"
  std::string version;                      ///< that ran there
  std::string ca_hash;                      ///< which cluster
  std::int64_t bytes = 0;                   ///< of the file
  std::string snapshot_name;                ///< etcd's file in the bundle, without ".gz"
  std::map<std::string, std::string> sums;  ///< name in the archive → SHA-256
};

/// Reads what `file` says of itself, without checking sums. Throws Error: not_found, protocol when it is no
/// bundle or was cut off.
Bundle read_bundle(const std::filesystem::path& file);

/// Every part against its sum. Throws Error(failed) that names the part that is damaged.
void verify_bundle(const Bundle& bundle);

/// Those in `folder`, the oldest first; files that are no bundles are left out. An absent folder has none.
std::vector<Bundle> list_bundles(const std::filesystem::path& folder);

/// Removes all but the newest `keep` of the lab's bundles with `label`; the removed ones.
std::vector<Bundle> prune_bundles(const std::filesystem::path& folder, const std::string& lab,
                                  const std::string& label, int keep);

struct SnapshotOptions {
  std::string label;        ///< [a-z0-9-]{0,32}
  std::string on;           ///< server; empty: any that votes and is ready, rather not the leader
  int keep_on_machine = 2;  ///< of our own snapshots in the server's snapshot folder; the cluster's are left
};

/// Takes a snapshot on one server and pulls the bundle into `folder` (0700 when made), whole or not at all,
/// and verified. Throws Error: precondition when no server can, failed with what the distribution said.
Bundle take_snapshot(const Site& site, const std::filesystem::path& folder,
                     const SnapshotOptions& options = {});

/// The parts of take_snapshot(). A server that votes and is ready, rather not the leader; throws
/// Error(precondition).
std::string snapshot_server(const model::ObservedCluster& observed, const std::string& wanted = {});
/// Makes the bundle on a server; its path there.
std::string make_bundle(const Site& site, Guest& server, const SnapshotOptions& options);
/// Pulls it, verifies it, gives it its name in `folder` and removes it from the machine.
Bundle fetch_bundle(const Site& site, Guest& server, const std::string& path,
                    const std::filesystem::path& folder, const SnapshotOptions& options);

}  // namespace hlid::cluster
