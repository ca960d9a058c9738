// The machines of this node: every verb of the Proxmox VE API's `qemu` tree, without HTTP.
//
// Contract: parameters arrive as text, already checked against the API schema (types, formats, enumerations);
// what only the machine's state can tell is checked here. Failures are wire::ApiError with Proxmox's own
// status and text. A verb that Proxmox runs as a task does its early checks in the call, returns the task's
// UPID, and the rest is in the task. Every call that changes a machine holds its config lock. A step that
// cannot be undone by hand is either undone when a later one fails, or marked by a `lock:` in the config and
// repaired by adopt() of the next daemon. QEMU processes outlive this object; adopt() finds them again.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "wire/upid.h"

namespace hlid::sys {
class Clock;
class ProcessRunner;
class Random;
}  // namespace hlid::sys
namespace hlid::node::config {
class ConfigStore;
}
namespace hlid::node::network {
class Network;
}
namespace hlid::node::storage {
class Storages;
}
namespace hlid::node::task {
class Tasks;
}
namespace hlid::node::qemu {
struct HostFacts;
}

namespace hlid::node::vm {

class Core;

/// Parameters of one API call by name; a list is joined as the API joins it.
using Params = std::map<std::string, std::string, std::less<>>;

/// On whose behalf a verb runs. `is_root` is root@pam itself: not a token of it, nobody else.
struct Caller {
  std::string user = "root@pam";
  bool is_root = true;
};

/// What the node lends to its machines; all of it outlives Machines.
struct Parts {
  std::string node;
  std::filesystem::path run_folder;  // sockets and pid files; its path must be short (unix socket paths).
                                     // Beside it: etc/instant and warm, of instant machines
  config::ConfigStore& configs;
  storage::Storages& storages;
  network::Network& network;
  task::Tasks& tasks;
  sys::ProcessRunner& processes;
  sys::Clock& clock;
  sys::Random& random;
  const qemu::HostFacts& facts;
  std::filesystem::path serial_log_folder =
      {};  // what machines print on serial ports is kept here; empty: not
};

class Machines {
 public:
  explicit Machines(Parts parts);
  ~Machines();  // lets go of the machines; they run on
  Machines(const Machines&) = delete;
  Machines& operator=(const Machines&) = delete;

  // -- the daemon's life
  // ------------------------------------------------------------------------------------------
  /// Takes over machines that run, forgets dead ones, and repairs what a killed daemon left half made.
  void adopt();
  /// Starts those with onboot, in startup order, waiting their `up` delays. Returns how many could not be
  /// started.
  int start_all(const Caller& caller, std::stop_token stop);
  /// Shuts all down, in reverse startup order, by agent or ACPI; those that do not follow in time are
  /// stopped.
  void stop_all(const Caller& caller, std::stop_token stop);
  wire::Upid start_all_task(const Caller& caller, const Params& params);
  wire::Upid stop_all_task(const Caller& caller, const Params& params);
  std::vector<Vmid> running() const;
  /// Which clones of templates are resumed from memory instead of booted: "off", "marked" (those whose
  /// description has the line "hlid-instant: on") or "all" (but those with "hlid-instant: off"). Kept.
  std::string instant_setting() const;
  /// Throws ApiError 400 for another word.
  void set_instant_setting(const std::string& setting);

  // -- reading
  // ----------------------------------------------------------------------------------------------------
  bool exists(Vmid vmid) const;
  std::vector<Vmid> vmids() const;
  /// GET cluster/nextid: the lowest free number, from 100.
  Vmid next_id() const;
  /// One row of GET nodes/N/qemu, of cluster/resources (type "qemu"), and of status/current.
  json::object list_row(Vmid vmid, bool full = false) const;
  json::object resource_row(Vmid vmid) const;
  json::object current(Vmid vmid) const;
  /// Grows when any row may have changed, so that rendered rows can be kept for one value of it.
  std::uint64_t generation() const;
  /// GET config. Pending values are merged in unless `current_only`.
  json::object config(Vmid vmid, bool current_only = false, const std::string& snapshot = {}) const;
  json::array pending(Vmid vmid) const;
  json::array cloudinit_pending(Vmid vmid) const;
  /// `type`: user, network or meta.
  std::string cloudinit_dump(Vmid vmid, std::string_view type) const;
  /// Values of the tags, name and the like without parsing a row; nullopt when there is no such machine or
  /// key.
  std::optional<std::string> config_value(Vmid vmid, std::string_view key) const;

  // -- making and unmaking
  // ----------------------------------------------------------------------------------------
  wire::Upid create(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid clone(const Caller& caller, Vmid source, const Params& params);
  wire::Upid make_template(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid remove(const Caller& caller, Vmid vmid, const Params& params);

  // -- changing
  // ---------------------------------------------------------------------------------------------------
  /// PUT config, synchronous.
  void set_config(const Caller& caller, Vmid vmid, const Params& params);
  /// POST config: a task, or nothing when it ended within `background_delay` seconds.
  std::optional<wire::Upid> set_config_task(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid resize(const Caller& caller, Vmid vmid, const Params& params);
  void unlink(const Caller& caller, Vmid vmid, const Params& params);
  void regenerate_cloudinit(const Caller& caller, Vmid vmid);

  // -- power
  // ------------------------------------------------------------------------------------------------------
  wire::Upid start(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid stop(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid shutdown(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid reboot(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid reset(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid suspend(const Caller& caller, Vmid vmid, const Params& params);
  wire::Upid resume(const Caller& caller, Vmid vmid, const Params& params);
  void sendkey(const Caller& caller, Vmid vmid, const Params& params);
  std::string monitor(const Caller& caller, Vmid vmid, const std::string& command);

  // -- the guest agent
  // --------------------------------------------------------------------------------------------
  /// Simple commands by their API name ("ping", "network-get-interfaces", "get-osinfo", "fsfreeze-freeze",
  /// …):
  /// {"result": …}, where a refusal of the agent is {"result":{"error":{…}}}.
  json::object agent(Vmid vmid, std::string_view command) const;
  /// {"pid": N}
  json::object agent_exec(Vmid vmid, const std::vector<std::string>& argv, const std::string& input) const;
  json::object agent_exec_status(Vmid vmid, long long pid) const;
  /// `encoded`: the content is base64 already.
  void agent_file_write(Vmid vmid, const std::string& file, const std::string& content, bool encoded) const;
  /// {"content": …, "bytes-read": N, "truncated": 1?}; bytes as Latin-1 characters, as Proxmox does.
  json::object agent_file_read(Vmid vmid, const std::string& file) const;
  json::object agent_set_password(Vmid vmid, const std::string& user, const std::string& password,
                                  bool crypted) const;

  /// The unix socket of a serial port or of VNC of a running machine (for consoles); empty when it has none.
  std::filesystem::path console_socket(Vmid vmid, std::string_view device) const;

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace hlid::node::vm
