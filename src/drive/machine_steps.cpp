#include <set>

#include "base/text.h"
#include "drive/machine_config.h"
#include "drive/ownership.h"
#include "drive/step_scope.h"
#include "pve/cluster.h"

/// Making, changing and unmaking machines. Each step looks at the machine afresh, proves it ours, and does
/// only what is not done yet.
namespace hlid::drive {
namespace {

constexpr std::chrono::seconds kPatienceForClone{1800};
constexpr const char* kInstantMark = "hlid-instant:";

/// A clone that an earlier run started may still be copying: its lock goes when it is done.
Found wait_unlocked(const StepScope& scope, const std::string& name) {
  const auto deadline = scope.session.clock().now() + kPatienceForClone;
  while (true) {
    auto found = look_at(scope.session, scope.bench.lab.name, name, scope.vm());
    if (found.claim == Claim::absent || found.lock().empty()) return found;
    if (scope.session.clock().now() >= deadline)
      throw Error(Errc::timeout, "VM {} keeps its lock '{}'", to_string(scope.step.vmid), found.lock());
    scope.context.phase("waiting for lock '" + found.lock() + "'");
    if (!scope.session.clock().sleep(std::chrono::seconds(1), scope.session.stop()))
      throw Error(Errc::interrupted, "stopped while waiting for a lock");
  }
}

std::set<std::string> keys_of(const plan::Step& step) {
  std::set<std::string> keys;
  for (const auto& [key, value] : step.details) keys.insert(key);
  return keys;
}

Secret console_password(const StepScope& scope) {
  const auto& reference = scope.bench.lab.access.console_password;
  if (reference.empty() || !scope.step.details.contains("password")) return {};
  return scope.bench.secrets.get(reference, "the console password");
}

/// The lock word of a guest that has nothing else yet is an interrupted clone or create; the journal told the
/// plan that it is ours.
bool is_half_made_by_us(const StepScope& scope, const Found& found) {
  if (found.claim == Claim::half_made) return true;
  const bool nameless = scope.step.subject == "VM " + to_string(scope.step.vmid);
  if (!nameless && !scope.flag("half_made")) return false;
  const bool unfinished = found.lock() == "clone" || found.lock() == "create";
  return unfinished && uuid_of(found.config).empty() && mark_of(found.config).empty();
}

/// In a cluster the template may lie on another node than the machine shall run on.
pve::VmRef template_of(const StepScope& scope) {
  const auto& lab = scope.bench.lab;
  if (lab.proxmox.nodes.size() > 1)
    for (const auto& guest : pve::resources(scope.session, "vm"))
      if (guest.vmid == lab.image.vmid) return {guest.node, guest.vmid};
  return {scope.step.node, lab.image.vmid};
}

void power_off(const StepScope& scope) {
  const auto status = pve::find_status(scope.session, scope.vm());
  if (status && status->running()) {
    scope.context.phase("stopping");
    pve::stop_vm(scope.session, scope.vm());
  }
}

}  // namespace

void clone(const StepScope& scope) {
  const auto& lab = scope.bench.lab;
  const auto& machine = scope.machine();
  const pve::VmRef destination{machine.node, machine.vmid};
  const auto there = look_at(scope.session, lab.name, machine.name, destination);
  if (there.claim == Claim::foreign) throw foreign_machine(there, lab.name, machine.name, destination);
  if (there.claim != Claim::absent && wait_unlocked(scope, machine.name).claim != Claim::absent) return;

  const auto source = template_of(scope);
  const auto image = require_ours(scope.session, lab.name, lab.image.name, source);
  scope.context.phase("cloning");
  pve::CloneRequest request;
  request.new_id = machine.vmid;
  request.name = machine.name;
  request.description = machine_description(lab.name, machine.name, template_key_of(image));
  // Where the plan tells an embedded node whether the machine is to be resumed from memory.
  if (contains(scope.step.details.count("description") != 0 ? scope.step.details.at("description") : "",
               kInstantMark))
    request.description += fmt::format("\n{} {}", kInstantMark, machine.instant ? "on" : "off");
  request.full = !machine.linked_clone;
  request.storage = lab.proxmox.storage;
  request.target = machine.node;
  pve::clone_vm(scope.session, source, request, scope.copy_progress());
}

void configure(const StepScope& scope) {
  const auto& lab = scope.bench.lab;
  const auto& machine = scope.machine();
  const auto config = require_ours(scope.session, lab.name, machine.name, scope.vm());
  auto keys = keys_of(scope.step);
  if (has_cloud_init_drive(config)) keys.erase("cloud_init_drive");
  const auto form = machine_form(lab, machine, keys, console_password(scope));
  if (!form.empty()) pve::set_config(scope.session, scope.vm(), form);
}

void resize(const StepScope& scope) {
  const auto& machine = scope.machine();
  const auto config = require_ours(scope.session, scope.bench.lab.name, machine.name, scope.vm());
  const auto disk = boot_disk_of(config);
  if (disk.empty()) throw Error(Errc::failed, "VM {} has no disk", to_string(scope.step.vmid));
  if (size_of_drive(config.at(disk)) >= machine.disk) return;
  pve::resize_disk(scope.session, scope.vm(), disk, machine.disk);
}

void destroy(const StepScope& scope) {
  const auto& name = scope.step.subject;
  const auto found = look_at(scope.session, scope.bench.lab.name, name, scope.vm());
  if (found.claim == Claim::absent) return scope.bench.host_keys.forget(name);
  if (found.claim != Claim::ours && !is_half_made_by_us(scope, found))
    throw foreign_machine(found, scope.bench.lab.name, name, scope.vm());
  power_off(scope);
  scope.context.phase("removing");
  pve::remove_vm(scope.session, scope.vm());
  scope.bench.host_keys.forget(name);
}

void unlock(const StepScope& scope) {
  const auto found = look_at(scope.session, scope.bench.lab.name, scope.step.subject, scope.vm());
  if (found.claim == Claim::absent || found.lock().empty()) return;
  if (found.claim != Claim::ours && !is_half_made_by_us(scope, found))
    throw foreign_machine(found, scope.bench.lab.name, scope.step.subject, scope.vm());
  try {
    pve::unlock_vm(scope.session, scope.vm());
  } catch (Error& error) {
    error.with_hint(fmt::format("on {}: qm unlock {}", scope.step.node, to_string(scope.step.vmid)));
    throw;
  }
}

}  // namespace hlid::drive
