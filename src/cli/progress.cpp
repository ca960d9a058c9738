#include "cli/progress.h"

#include <algorithm>

#include "cli/terminal.h"

namespace hlid::cli {

ProgressStyle style_for(bool json) {
  if (json) return ProgressStyle::json;
  return wants_colour() ? ProgressStyle::live : ProgressStyle::plain;
}

std::unique_ptr<apply::Progress> make_progress(ProgressStyle style, const plan::Plan& plan) {
  switch (style) {
    case ProgressStyle::live:
      return make_live_progress(plan);
    case ProgressStyle::plain:
      return make_plain_progress(plan);
    case ProgressStyle::json:
      return make_json_progress();
  }
  return make_plain_progress(plan);
}

std::string doing(plan::StepKind kind) {
  switch (kind) {
    case plan::StepKind::create_storage:
      return "creating";
    case plan::StepKind::set_network:
      return "setting the network";
    case plan::StepKind::publish:
      return "publishing ports";
    case plan::StepKind::build_template:
      return "building";
    case plan::StepKind::upload_template:
      return "uploading";
    case plan::StepKind::create_template:
      return "making the template";
    case plan::StepKind::clone:
      return "cloning";
    case plan::StepKind::configure:
      return "configuring";
    case plan::StepKind::resize_disk:
      return "growing the disk";
    case plan::StepKind::start:
      return "starting";
    case plan::StepKind::wait_ready:
      return "booting";
    case plan::StepKind::shutdown:
      return "shutting down";
    case plan::StepKind::reboot:
      return "restarting";
    case plan::StepKind::stop:
      return "stopping";
    case plan::StepKind::destroy:
    case plan::StepKind::destroy_template:
      return "removing";
    case plan::StepKind::unlock:
      return "unlocking";
    case plan::StepKind::drain_member:
      return "draining";
    case plan::StepKind::return_member:
      return "returning to the cluster";
    case plan::StepKind::leave_cluster:
      return "leaving the cluster";
    case plan::StepKind::forget_member:
      return "being forgotten";
    case plan::StepKind::fetch_release:
      return "fetching";
    case plan::StepKind::install_release:
      return "installing";
    case plan::StepKind::form_cluster:
      return "forming the cluster";
    case plan::StepKind::join_cluster:
      return "joining the cluster";
    case plan::StepKind::settle_cluster:
      return "settling";
    case plan::StepKind::label_member:
      return "labelling";
    case plan::StepKind::reconfigure_member:
      return "reconfiguring";
    case plan::StepKind::snapshot_cluster:
      return "taking a snapshot";
    case plan::StepKind::upgrade_member:
      return "upgrading";
  }
  return {};
}

std::string doing(const plan::Step& step) {
  const auto own = step.details.find("doing");
  return own == step.details.end() ? doing(step.kind) : own->second;
}

std::string without_digits(const std::string& text) {
  auto rest = text;
  std::erase_if(rest, [](unsigned char c) { return c >= '0' && c <= '9'; });
  return rest;
}

}  // namespace hlid::cli
