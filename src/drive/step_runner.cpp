#include "drive/step_runner.h"

#include "base/text.h"
#include "pve/tasks.h"
#include "wire/api_error.h"

namespace hlid::drive {
namespace {

void dispatch(const StepScope& scope) {
  switch (scope.step.kind) {
    case plan::StepKind::create_storage:
      return create_storage(scope);
    case plan::StepKind::set_network:
      return set_network(scope);
    case plan::StepKind::publish:
      return publish(scope);
    case plan::StepKind::build_template:
      return build_template(scope);
    case plan::StepKind::upload_template:
      return upload_template(scope);
    case plan::StepKind::create_template:
      return create_template(scope);
    case plan::StepKind::clone:
      return clone(scope);
    case plan::StepKind::configure:
      return configure(scope);
    case plan::StepKind::resize_disk:
      return resize(scope);
    case plan::StepKind::start:
      return start(scope);
    case plan::StepKind::wait_ready:
      return wait_ready(scope);
    case plan::StepKind::shutdown:
      return shutdown(scope);
    case plan::StepKind::reboot:
      return reboot(scope);
    case plan::StepKind::stop:
      return stop(scope);
    case plan::StepKind::destroy:
      return destroy(scope);
    case plan::StepKind::destroy_template:
      return destroy_template(scope);
    case plan::StepKind::unlock:
      return unlock(scope);
    case plan::StepKind::drain_member:
    case plan::StepKind::return_member:
    case plan::StepKind::leave_cluster:
    case plan::StepKind::forget_member:
    case plan::StepKind::fetch_release:
    case plan::StepKind::install_release:
    case plan::StepKind::form_cluster:
    case plan::StepKind::join_cluster:
    case plan::StepKind::settle_cluster:
    case plan::StepKind::label_member:
    case plan::StepKind::reconfigure_member:
    case plan::StepKind::snapshot_cluster:
    case plan::StepKind::upgrade_member:
      return run_cluster_step(scope);
  }
}

}  // namespace

const model::Machine& StepScope::machine() const {
  for (const auto& machine : bench.lab.machines)
    if (machine.name == step.subject) return machine;
  throw Error(Errc::failed, "the file has no machine '{}'", step.subject);
}

std::string StepScope::detail(const std::string& key) const {
  const auto found = step.details.find(key);
  return found == step.details.end() ? std::string() : found->second;
}

pve::OnLog StepScope::copy_progress() const {
  return [this](const std::string& line) {
    const auto open = line.rfind('(');
    const auto dot = line.find('.', open == std::string::npos ? 0 : open);
    if (!line.starts_with("transferred") || open == std::string::npos || dot == std::string::npos) return;
    context.phase("copying " + line.substr(open + 1, dot - open - 1) + " %");
  };
}

void PveStepRunner::run(const plan::Step& step, apply::StepContext& context, std::stop_token stop) {
  const auto session =
      bench_.session.with(std::move(stop)).watched_by([&](const std::string& upid) { context.task(upid); });
  with_context(step.id, [&] { dispatch({bench_, step, context, session}); });
}

void PveStepRunner::settle(const std::string& upid, std::stop_token stop) {
  try {
    pve::wait_task(bench_.session.with(std::move(stop)), upid);
  } catch (const wire::ApiError& error) {
    if (error.status() != 400) throw;  // 400: the hypervisor no longer knows it
  } catch (const Error& error) {
    if (error.code() != Errc::failed) throw;  // how it ended is seen in what is there
  }
}

}  // namespace hlid::drive
