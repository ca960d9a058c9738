#include "plan/step.h"

#include <algorithm>
#include <iterator>

namespace hlid::plan {

namespace {

struct Row {
  StepKind kind;
  std::string_view name;
  StepWords words;
  Phase phase;
};

/// In the order of StepKind. What a member does before and after its machine is touched is done along with
/// the machine, hence of that phase.
constexpr Row kRows[] = {
    {StepKind::create_storage, "create-storage", {"create as a folder", "creating"}, Phase::host},
    {StepKind::set_network, "set-network", {"set address", "setting the network"}, Phase::host},
    {StepKind::publish, "publish", {"publish ports", "publishing ports"}, Phase::host},
    {StepKind::build_template, "build-template", {"build", "building"}, Phase::image},
    {StepKind::upload_template, "upload-template", {"upload", "uploading"}, Phase::image},
    {StepKind::create_template, "create-template", {"create", "making the template"}, Phase::image},
    {StepKind::clone, "clone", {"clone", "cloning"}, Phase::machines},
    {StepKind::configure, "configure", {"configure", "configuring"}, Phase::machines},
    {StepKind::resize_disk, "resize", {"grow disk", "growing the disk"}, Phase::machines},
    {StepKind::start, "start", {"start", "starting"}, Phase::machines},
    {StepKind::wait_ready, "wait-ready", {"wait until ready", "booting"}, Phase::machines},
    {StepKind::shutdown, "shutdown", {"shut down", "shutting down"}, Phase::machines},
    {StepKind::reboot, "reboot", {"reboot", "restarting"}, Phase::machines},
    {StepKind::stop, "stop", {"stop", "stopping"}, Phase::machines},
    {StepKind::destroy, "destroy", {"destroy", "removing"}, Phase::machines},
    {StepKind::destroy_template, "destroy-template", {"destroy", "removing"}, Phase::image},
    {StepKind::unlock, "unlock", {"unlock", "unlocking"}, Phase::machines},
    {StepKind::drain_member, "drain", {"drain", "draining"}, Phase::machines},
    {StepKind::return_member,
     "return",
     {"return to the cluster", "returning to the cluster"},
     Phase::machines},
    {StepKind::leave_cluster, "leave", {"leave the cluster", "leaving the cluster"}, Phase::machines},
    {StepKind::forget_member, "forget", {"forget in the cluster", "being forgotten"}, Phase::machines},
    {StepKind::fetch_release, "fetch-release", {"fetch", "fetching"}, Phase::cluster},
    {StepKind::install_release, "install-release", {"install", "installing"}, Phase::cluster},
    {StepKind::form_cluster, "form-cluster", {"form the cluster", "forming the cluster"}, Phase::cluster},
    {StepKind::join_cluster, "join-cluster", {"join the cluster", "joining the cluster"}, Phase::cluster},
    {StepKind::settle_cluster,
     "settle-cluster",
     {"settle the registration address", "settling"},
     Phase::cluster},
    {StepKind::label_member, "label", {"label", "labelling"}, Phase::cluster},
    {StepKind::reconfigure_member, "reconfigure", {"reconfigure", "reconfiguring"}, Phase::cluster},
    {StepKind::snapshot_cluster,
     "snapshot-cluster",
     {"take a snapshot", "taking a snapshot"},
     Phase::cluster},
    {StepKind::upgrade_member, "upgrade", {"upgrade", "upgrading"}, Phase::cluster},
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < std::size(kRows); ++i)
    if (static_cast<std::size_t>(kRows[i].kind) != i) return false;
  return std::size(kRows) == kStepKinds;
}
static_assert(is_in_order(), "one row for each kind");

const Row& row_of(StepKind kind) {
  return kRows[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string_view to_string(StepKind kind) {
  return row_of(kind).name;
}

const StepWords& words_of(StepKind kind) {
  return row_of(kind).words;
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
  return row_of(kind).phase;
}

model::Disruption Plan::worst() const {
  auto worst = model::Disruption::none;
  for (const auto& step : steps) worst = std::max(worst, step.disruption);
  return worst;
}

}  // namespace hlid::plan
