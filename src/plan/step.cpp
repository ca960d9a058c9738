#include "plan/step.h"

#include <algorithm>

namespace hlid::plan {

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::create_storage:
      return "create-storage";
    case StepKind::set_network:
      return "set-network";
    case StepKind::publish:
      return "publish";
    case StepKind::build_template:
      return "build-template";
    case StepKind::upload_template:
      return "upload-template";
    case StepKind::create_template:
      return "create-template";
    case StepKind::clone:
      return "clone";
    case StepKind::configure:
      return "configure";
    case StepKind::resize_disk:
      return "resize";
    case StepKind::start:
      return "start";
    case StepKind::wait_ready:
      return "wait-ready";
    case StepKind::shutdown:
      return "shutdown";
    case StepKind::reboot:
      return "reboot";
    case StepKind::stop:
      return "stop";
    case StepKind::destroy:
      return "destroy";
    case StepKind::destroy_template:
      return "destroy-template";
    case StepKind::unlock:
      return "unlock";
    case StepKind::drain_member:
      return "drain";
    case StepKind::return_member:
      return "return";
    case StepKind::leave_cluster:
      return "leave";
    case StepKind::forget_member:
      return "forget";
    case StepKind::fetch_release:
      return "fetch-release";
    case StepKind::install_release:
      return "install-release";
    case StepKind::form_cluster:
      return "form-cluster";
    case StepKind::join_cluster:
      return "join-cluster";
    case StepKind::settle_cluster:
      return "settle-cluster";
    case StepKind::label_member:
      return "label";
    case StepKind::reconfigure_member:
      return "reconfigure";
    case StepKind::snapshot_cluster:
      return "snapshot-cluster";
    case StepKind::upgrade_member:
      return "upgrade";
  }
  return "unknown";
}

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::host:
      return "host";
    case Phase::image:
      return "template";
    case Phase::machines:
      return "machines";
    case Phase::cluster:
      return "cluster";
  }
  return "unknown";
}

std::optional<Phase> parse_phase(std::string_view text) {
  for (const auto phase : kPhases)
    if (text == to_string(phase)) return phase;
  return std::nullopt;
}

Phase phase_of(StepKind kind) {
  switch (kind) {
    case StepKind::create_storage:
    case StepKind::set_network:
    case StepKind::publish:
      return Phase::host;
    case StepKind::build_template:
    case StepKind::upload_template:
    case StepKind::create_template:
    case StepKind::destroy_template:
      return Phase::image;
    case StepKind::clone:
    case StepKind::configure:
    case StepKind::resize_disk:
    case StepKind::start:
    case StepKind::wait_ready:
    case StepKind::shutdown:
    case StepKind::reboot:
    case StepKind::stop:
    case StepKind::destroy:
    case StepKind::unlock:
    case StepKind::drain_member:  // these four go with what is done to the machine
    case StepKind::return_member:
    case StepKind::leave_cluster:
    case StepKind::forget_member:
      return Phase::machines;
    case StepKind::fetch_release:
    case StepKind::install_release:
    case StepKind::form_cluster:
    case StepKind::join_cluster:
    case StepKind::settle_cluster:
    case StepKind::label_member:
    case StepKind::reconfigure_member:
    case StepKind::snapshot_cluster:
    case StepKind::upgrade_member:
      return Phase::cluster;
  }
  return Phase::machines;
}

model::Disruption Plan::worst() const {
  auto worst = model::Disruption::none;
  for (const auto& step : steps) worst = std::max(worst, step.disruption);
  return worst;
}

}  // namespace hlid::plan
