#include "base/text.h"
#include "drive/ownership.h"
#include "drive/step_scope.h"

namespace hlid::drive {
namespace {

constexpr std::chrono::seconds kGraceToShutDown{90};
constexpr std::chrono::seconds kGraceEmulated{300};
constexpr std::chrono::seconds kGraceToBeDestroyed{20};

/// A machine that is to be destroyed loses its disk anyway: one that does not react, because it still boots,
/// is not waited for long.
std::chrono::seconds grace(const StepScope& scope) {
  if (scope.step.disruption >= model::Disruption::replace) return kGraceToBeDestroyed;
  return scope.bench.emulated ? kGraceEmulated : kGraceToShutDown;
}

/// Proven ours, and how it stands now.
pve::VmStatus status_of_ours(const StepScope& scope) {
  require_ours(scope.session, scope.bench.lab.name, scope.step.subject, scope.vm());
  return pve::vm_status(scope.session, scope.vm());
}

bool is_paused(const pve::VmStatus& status) {
  return status.qmp_status == "paused";
}

void power_on(const StepScope& scope, const pve::VmStatus& status) {
  if (is_paused(status)) return pve::resume_vm(scope.session, scope.vm());
  if (status.running()) return;
  scope.context.phase("starting");
  try {
    // The first start of an instant machine may take a boot; its task says so.
    pve::start_vm(scope.session, scope.vm(), [&](const std::string& line) {
      if (contains(line, "warm copy") || contains(line, "cannot be resumed")) scope.context.phase(line);
    });
  } catch (const Error& error) {
    // After a power cut its node starts it too (onboot), and may have been the first.
    if (error.code() == Errc::interrupted || !pve::vm_status(scope.session, scope.vm()).running()) throw;
  }
}

/// By agent or ACPI; a guest that does not react in time is switched off. A paused one cannot react at all.
void power_down(const StepScope& scope, const pve::VmStatus& status) {
  if (!status.running()) return;
  scope.context.phase("shutting down");
  if (is_paused(status)) return pve::stop_vm(scope.session, scope.vm());
  pve::shutdown_vm(scope.session, scope.vm(), grace(scope), true);
}

}  // namespace

void start(const StepScope& scope) {
  power_on(scope, status_of_ours(scope));
}

void stop(const StepScope& scope) {
  if (!status_of_ours(scope).running()) return;
  pve::stop_vm(scope.session, scope.vm());
}

void shutdown(const StepScope& scope) {
  power_down(scope, status_of_ours(scope));
}

void reboot(const StepScope& scope) {
  power_down(scope, status_of_ours(scope));
  power_on(scope, pve::vm_status(scope.session, scope.vm()));
}

void wait_ready(const StepScope& scope) {
  const auto& machine = scope.machine();
  const auto vmid = scope.step.vmid;
  ReadinessWatch watch;
  watch.on_phase = [&](const std::string& phase) { scope.context.phase(phase); };
  if (scope.bench.console_tail) watch.console_tail = [&] { return scope.bench.console_tail(vmid); };
  wait_until_ready(scope.session, scope.vm(), machine, Deadlines::usual(scope.bench.emulated), watch);
  scope.bench.host_keys.learn(scope.session, scope.vm(), machine, scope.bench.lab.access.ssh_port);
}

}  // namespace hlid::drive
