#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "model/disruption.h"

/// What has to be done to make the hypervisor what the file says, as plain data: computed from values, run by
/// somebody else. Nothing here does I/O.
namespace hlid::plan {

enum class StepKind {
  create_storage,   ///< embedded node: a directory storage of the id that the file names
  set_network,      ///< embedded node: the bridge with the file's gateway as its address
  publish,          ///< embedded node: the ports of the host that lead to machines, all of the lab's at once
  build_template,   ///< the image, from the cache when it is there
  upload_template,  ///< to iso_storage, content "import"
  create_template,  ///< the VM with the imported disk, then converted to a template
  clone,
  configure,    ///< cores, memory, tags, network, cloud-init …: the keys are the step's details
  resize_disk,  ///< grows only
  start,        ///< or resumes what is paused
  wait_ready,   ///< until the guest agent answers and the address is set
  shutdown,     ///< by agent or ACPI, with a deadline, then stopped
  reboot,       ///< shutdown and start through the API, so that pending values apply
  stop,
  destroy,  ///< a machine, with its disks
  destroy_template,
  unlock,  ///< removes the lock word that an interrupted clone or create left
  // what a member of the cluster needs before and after its machine is touched
  drain_member,   ///< pods move away; a server only while the others hold the quorum
  return_member,  ///< after a restart of its machine: until it is ready again, and pods may come back
  leave_cluster,  ///< drained and out of the member list, for good
  forget_member,  ///< it is dead: out of the member list without its help
  // the cluster itself
  fetch_release,       ///< to this computer, verified
  install_release,     ///< onto one machine; nothing is started
  form_cluster,        ///< founds it on this server, or wakes the one whose data it has
  join_cluster,        ///< until it is a working member, whatever lacks
  settle_cluster,      ///< the registration address in every machine's configuration
  label_member,        ///< labels and taints, live
  reconfigure_member,  ///< new configuration, its service restarts
  snapshot_cluster,    ///< a bundle of etcd and what it needs, off the machines
  upgrade_member,      ///< to another release: drained, installed, restarted
};

inline constexpr std::size_t kStepKinds = static_cast<std::size_t>(StepKind::upgrade_member) + 1;

std::string_view to_string(StepKind kind);  ///< "wait-ready"; the first word of a step's id

/// For people: what is to be done, and what is being done.
struct StepWords {
  std::string_view to_do;  ///< "wait until ready"
  std::string_view doing;  ///< "booting"
};
const StepWords& words_of(StepKind kind);

/// The parts of `up`, in their order; `--only` takes one.
enum class Phase { host, image, machines, cluster };
inline constexpr Phase kPhases[] = {Phase::host, Phase::image, Phase::machines, Phase::cluster};

std::string_view to_string(Phase phase);  ///< "host", "template", "machines", "cluster"
std::optional<Phase> parse_phase(std::string_view text);
Phase phase_of(StepKind kind);

/// The queue of agents that are restarted or upgraded: cluster.max_unavailable is its width.
inline constexpr std::string_view kRollingAgents = "members:agents";

/// One step. A runner finds the rest of what it must know (the whole Machine, Template …) in the Homelab by
/// `subject`; `details` says what this step changes, in the runner's terms.
///   clone       source (VMID of the template), full (1|0), storage, node
///   configure   every key to set → its new value: cores, memory, cpu, tags, onboot, agent, bridge, net0 mac
///   as "mac",
///               address, gateway, dns, search_domain, user, authorized_keys, password ("set"), uuid,
///               description, cloud_init_drive
///   resize_disk size (bytes)        start  resume (1)        destroy  running (1)  half_made (1)
///   create_storage type (dir)       set_network address (CIDR)
///   publish     ports (each "listen=…,port=…,to=ADDRESS:PORT;…", a blank between; none: "")
///   fetch_release, install_release, upgrade_member, form_cluster, join_cluster   version; install_release
///   also replace (1): another version that lies there, unused, may give way; if_bare (1): only where nothing
///   is installed leave_cluster uninstall (1): the machine stays
struct Step {
  StepKind kind = StepKind::configure;
  std::string id;       ///< "clone valaskjalf-master-1": stable from run to run, unique in a plan
  std::string subject;  ///< name of the machine, template, storage or bridge
  Vmid vmid;            ///< 0 when it is about no guest
  std::string node;
  model::Disruption disruption = model::Disruption::none;
  std::vector<std::string> reasons;  ///< for people: "cores 2 → 4"
  std::map<std::string, std::string> details;
  /// Queue: steps of one queue share its width ("storage:local-zfs", kRollingAgents); "" none.
  std::string resource;
  std::string
      consent;  ///< what `--allow` must hold before it may run: "replace=NAME", "destroy=NAME"; "" nothing
};

/// Something to know that stops nothing.
struct Notice {
  std::string code;  ///< "memory-overcommit", "storage-lacks", "template-outdated", … (hlid explain)
  std::string subject;
  std::string text;
};

/// Something that forbids the plan as a whole.
struct Refusal {
  std::string code;  ///< "vmid-taken", "disk-shrink", "node-offline", …
  std::string subject;
  std::string text;
  std::string hint;  ///< one thing to do
};

/// Steps that would be done now but for something that is missing and that no consent can replace. All else
/// goes on; the whole then ends as unmet precondition (exit status 4).
struct Waiting {
  std::string code;  ///< "release-not-reached" (hlid explain)
  std::string text;
  std::vector<std::string> hints;  ///< each one way out
  std::vector<Step> steps;         ///< in their order
};

struct Plan {
  std::string lab;
  std::vector<Step> steps;  ///< in an order that respects the edges; safe to run when there are no refusals
  std::vector<std::pair<std::size_t, std::size_t>> edges;  ///< first before second
  std::vector<Step> held;  ///< would be steps with the consent that each names; never run
  std::vector<Waiting> waiting;
  std::vector<Notice> notices;
  std::vector<Refusal> refusals;
  /// What is inside machines that do not run yet could not be seen: when these steps are done, what is there
  /// must be observed again, and the next plan has the rest.
  bool look_again = false;

  /// Nothing to do, nothing held and nothing waiting (notices do not count).
  bool empty() const { return steps.empty() && held.empty() && waiting.empty() && refusals.empty(); }
  model::Disruption worst() const;  ///< of the steps
};

/// Short, grouped by phase and machine, with the reasons. `colour`: ANSI colours.
struct RenderOptions {
  bool colour = false;
};
std::string render(const Plan& plan, const RenderOptions& options = {});
json::value to_json(const Plan& plan);

}  // namespace hlid::plan
