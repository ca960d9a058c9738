#pragma once
#include <optional>
#include <string>

#include "base/secret.h"
#include "cluster/site.h"

/// The reset of one server to a cluster of itself. The distribution's own program does it, in a systemd unit
/// of its own on the machine, so that it neither dies with this program nor is lost to the next run.
namespace hlid::cluster {

/// What it is made from.
struct ResetSource {
  std::string id;               ///< names the unit: of the bundle's bytes, or "own"
  std::string snapshot;         ///< path in the machine; empty: its own data
  std::optional<Secret> token;  ///< valid when the snapshot was taken
};

/// Whether that reset has just been done, for a run that follows an interrupted one: it succeeded and the
/// server was not started since, or it succeeded within the last hour. Waits for one that still runs.
bool is_reset(const Site& site, Guest& guest, const std::string& id);

/// Resets and waits. The server's units are stopped and nothing of them runs. Throws Error: failed with the
/// program's words, timeout after 900 s (the unit is ended then), interrupted (it goes on by itself).
void reset(const Site& site, Guest& guest, const ResetSource& source);

/// Whether a reset was begun there at all, however it ended.
bool reset_was_begun(Guest& guest, const std::string& id);
/// Forgets the reset and removes what was made for it.
void clear_reset(const Site& site, Guest& guest, const std::string& id);

/// etcd's data, taken aside before it is given up: D/server/db-aside-<time>/etcd. `copy`: the original stays.
/// Does nothing where there is none. Throws Error(precondition) when a copy has no room.
void set_data_aside(const Site& site, Guest& guest, bool copy);
/// Back in place of what is there; the newest. Nothing aside: nothing is done.
void put_data_back(const Site& site, Guest& guest);
void drop_data_aside(const Site& site, Guest& guest);

}  // namespace hlid::cluster
