#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "apply/ports.h"
#include "cluster/fetch.h"
#include "drive/disc_shelf.h"
#include "drive/host_keys.h"
#include "drive/image_source.h"
#include "drive/readiness.h"
#include "drive/secrets.h"
#include "model/homelab.h"
#include "plan/step.h"
#include "pve/tasks.h"
#include "pve/vms.h"

namespace hlid::drive {

/// What every step may use.
struct Workbench {
  const model::Homelab& lab;
  pve::Session session;
  ImageSource& image;
  const Secrets& secrets;
  HostKeys& host_keys;
  bool emulated = false;                ///< guests run without hardware virtualization
  std::filesystem::path node_storages;  ///< embedded node: where directory storages are made; empty: real one
  std::function<std::string(Vmid)> console_tail;  ///< may be empty
  // of a lab with a cluster
  DiscShelf* discs = nullptr;
  std::function<cluster::ReleaseAccess(std::stop_token, std::function<void(const cluster::FetchProgress&)>)>
      releases = {};
  std::filesystem::path snapshots = {};     ///< where bundles of the cluster are kept
  std::vector<model::Machine> former = {};  ///< members that the file does not name (former_machines.h)
};

/// One step under way: the session ends with the stop request and reports its tasks to the journal.
struct StepScope {
  const Workbench& bench;
  const plan::Step& step;
  apply::StepContext& context;
  pve::Session session;

  pve::VmRef vm() const { return {step.node, step.vmid}; }
  /// The step's machine of the file. Throws Error(failed): a plan never names another.
  const model::Machine& machine() const;
  std::string detail(const std::string& key) const;
  bool flag(const std::string& key) const { return detail(key) == "1"; }
  /// For task logs of copies: the last line "transferred … (42.00%)" as the phase "copying 42 %".
  pve::OnLog copy_progress() const;
};

// host_steps.cpp
void create_storage(const StepScope& scope);
void set_network(const StepScope& scope);
void publish(const StepScope& scope);
// template_steps.cpp
void build_template(const StepScope& scope);
void upload_template(const StepScope& scope);
void create_template(const StepScope& scope);
void destroy_template(const StepScope& scope);
// machine_steps.cpp
void clone(const StepScope& scope);
void configure(const StepScope& scope);
void resize(const StepScope& scope);
void destroy(const StepScope& scope);
void unlock(const StepScope& scope);
// power_steps.cpp
void start(const StepScope& scope);
void stop(const StepScope& scope);
void shutdown(const StepScope& scope);
void reboot(const StepScope& scope);
void wait_ready(const StepScope& scope);
// cluster_steps.cpp: all kinds of the cluster
void run_cluster_step(const StepScope& scope);

}  // namespace hlid::drive
