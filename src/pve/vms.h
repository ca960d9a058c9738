#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "pve/session.h"
#include "pve/tasks.h"

/// Machines: one function per verb. (qemu-server, API2/Qemu.pm.) The verbs that are tasks return when the
/// task has ended, and throw its error; `on_log` sees its log.
namespace hlid {
class Error;
}

namespace hlid::pve {

struct VmRef {
  std::string node;
  Vmid vmid;
};

/// A configuration: every value as text, as in the configuration file.
using VmConfig = std::map<std::string, std::string>;

/// GET /nodes/{node}/qemu row, live (unlike /cluster/resources).
struct VmRow {
  Vmid vmid;
  std::string name, status, lock;
  bool is_template = false;
};

struct VmStatus {
  std::string status;      ///< running, stopped
  std::string qmp_status;  ///< running, paused, …
  std::string lock, name;
  std::string accelerator;  ///< our node tells "kvm" or "tcg"; empty on Proxmox
  long long uptime = 0;     ///< seconds
  bool running() const { return status == "running"; }
};

/// A key whose change waits for a stop and start, or for a reboot through the API.
struct PendingChange {
  std::string key, value, pending;
  bool deletion = false;
};

std::vector<VmRow> vms(const Session& session, const std::string& node);
/// nullopt when the machine does not exist. With pending changes merged in, unless `running_only`.
std::optional<VmConfig> find_config(const Session& session, const VmRef& vm, bool running_only = false);
std::vector<PendingChange> pending_changes(const Session& session, const VmRef& vm);
VmStatus vm_status(const Session& session, const VmRef& vm);
std::optional<VmStatus> find_status(const Session& session, const VmRef& vm);

void create_vm(const Session& session, const VmRef& vm, const Form& form, const OnLog& on_log = {});

struct CloneRequest {
  Vmid new_id;
  std::string name;
  std::string description;
  bool full = true;
  std::string storage;  ///< only for full clones; empty: the source's
  std::string target;   ///< node; empty: the source's
};
void clone_vm(const Session& session, const VmRef& source, const CloneRequest& request,
              const OnLog& on_log = {});

/// PUT …/config: for quick changes, done when it returns.
void set_config(const Session& session, const VmRef& vm, const Form& form);
/// POST …/config: for changes that allocate or copy disks.
void set_config_slowly(const Session& session, const VmRef& vm, const Form& form, const OnLog& on_log = {});
/// Grows a disk to `size`.
void resize_disk(const Session& session, const VmRef& vm, const std::string& disk, Bytes size);
void make_template(const Session& session, const VmRef& vm);

void start_vm(const Session& session, const VmRef& vm, const OnLog& on_log = {});
/// Of a paused machine; done when it returns.
void resume_vm(const Session& session, const VmRef& vm);
void stop_vm(const Session& session, const VmRef& vm);
/// Asks the guest; after `timeout` it fails, or is switched off when `force`.
void shutdown_vm(const Session& session, const VmRef& vm, std::chrono::seconds timeout, bool force);
void reboot_vm(const Session& session, const VmRef& vm, std::chrono::seconds timeout);
/// With its disks, and its mention in backup and replication jobs.
void remove_vm(const Session& session, const VmRef& vm, const OnLog& on_log = {});

/// Removes the lock word. Proxmox allows it to root@pam with a ticket only.
void unlock_vm(const Session& session, const VmRef& vm);

/// The failure means that the machine does not exist.
bool says_missing(const Error& error);

/// Public keys as the parameter `sshkeys` wants them: one line each, percent-encoded once more than the form
/// is.
std::string encode_ssh_keys(const std::vector<std::string>& keys);
std::vector<std::string> decode_ssh_keys(const std::string& text);

}  // namespace hlid::pve
