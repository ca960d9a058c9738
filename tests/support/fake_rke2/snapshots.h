#pragma once
#include "support/fake_rke2/config.h"
#include "support/fake_rke2/https.h"

/// Snapshots of etcd on this server, and their ETCDSnapshotFile objects.
namespace hlid::fake_rke2 {

/// POST /db/snapshot: {"operation": "save"|"list"|"prune"|"delete", "name": […], "retention": N,
/// "compress": true, "dir": "…"}.
Response snapshot_request(const Config& config, const std::string& body);
/// Takes snapshots as etcd-snapshot-schedule-cron says, for ever.
void run_snapshot_schedule(const Config& config);
/// Objects of snapshots whose file is gone are removed, files without an object get one.
void reconcile_snapshots(const Config& config);

}  // namespace hlid::fake_rke2
