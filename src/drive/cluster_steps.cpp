// The steps of a cluster, each bound to the verb that does it. The verbs look first and are repeatable, so a
// step is too.
#include "drive/cluster_steps.h"

#include "cluster/cordon.h"
#include "cluster/form.h"
#include "cluster/install.h"
#include "cluster/leave.h"
#include "cluster/probe.h"
#include "cluster/quorum.h"
#include "cluster/readiness.h"
#include "cluster/reconfigure.h"
#include "cluster/replace.h"
#include "cluster/snapshot.h"
#include "cluster/strangers.h"
#include "cluster/upgrade.h"
#include "drive/cluster_site.h"
#include "drive/former_machines.h"
#include "drive/step_scope.h"

namespace hlid::drive {
namespace {

constexpr std::chrono::seconds kDrainTime{300};
constexpr int kUpgradeBundles = 5;  ///< taken before upgrades, kept
constexpr const char* kUpgradeLabel = "upgrade";

/// What a step of the cluster works with.
class Work {
 public:
  Work(const plan::Step& step, const ClusterTools& tools) : step_(step), tools_(tools) {}

  const cluster::Site& site() const { return tools_.site; }
  const std::string& name() const { return step_.subject; }
  std::unique_ptr<cluster::Guest> guest() const { return site().fleet.guest(name()); }
  const std::filesystem::path& snapshots() const { return tools_.snapshots; }

  std::string detail(const std::string& key) const {
    const auto found = step_.details.find(key);
    return found == step_.details.end() ? std::string() : found->second;
  }
  bool flag(const std::string& key) const { return detail(key) == "1"; }

  /// Of the step's version, else of the file's. What is not here is fetched.
  cluster::ReleaseSet release() const {
    const auto access = tools_.releases(site().stop, [this](const cluster::FetchProgress& progress) {
      if (progress.total <= 0) return;
      site().phase(fmt::format(
          "{} {} {} %", progress.doing == cluster::FetchProgress::Doing::fetching ? "fetching" : "checking",
          progress.file, progress.done * 100 / progress.total));
    });
    const auto wanted = cluster::Version::parse(detail("version"));
    return cluster::resolve(site().wanted(),
                            wanted ? *wanted : cluster::chosen_version(site().wanted(), access), access);
  }

  /// Only who has a VIP needs the image. Who was installed in this run was so from a release that is here; a
  /// member that only starts again has its manifest, and nothing is fetched for it.
  cluster::Materials materials() const {
    if (!site().wanted().vip) return {};
    const auto access = tools_.releases(site().stop, [](const cluster::FetchProgress&) {});
    const auto version = cluster::Version::parse(detail("version"));
    if (!version) return {};
    const auto release = cluster::find_release(site().wanted(), *version, access);
    return {release ? release->kube_vip_image : std::string()};
  }

 private:
  const plan::Step& step_;
  const ClusterTools& tools_;
};

/// The registration address is written on the machines of the file only.
std::optional<model::Homelab> lab_with_former(const StepScope& scope) {
  if (scope.step.kind == plan::StepKind::settle_cluster) return std::nullopt;
  const auto former = still_there(scope.session, scope.bench.former);
  if (former.empty()) return std::nullopt;
  return with_former(scope.bench.lab, former);
}

void drain(const Work& work) {
  const auto observed = cluster::observe_with_strangers(work.site());
  const auto* node = observed.node(work.name());
  if (node == nullptr) return;
  if (work.site().machine(work.name()).role == model::Role::server)
    cluster::require(cluster::may(cluster::ServerChange::restart, work.name(), observed), "drain",
                     work.name());
  // its only server answers for itself, until it goes down
  const bool alone = observed.members.size() <= 1 && observed.answered_by == work.name();
  const auto server =
      work.site().fleet.guest(alone ? work.name() : cluster::other_server(observed, work.name()));
  cluster::park(work.site(), *server, *node, cluster::has_refuge(observed, work.name()), kDrainTime);
}

void come_back(const Work& work) {
  cluster::await_ready(work.site(), work.name());
  const auto observed = cluster::observe(work.site());
  const auto server = work.site().fleet.guest(observed.answered_by);
  cluster::unpark(work.site(), *server, work.name());
}

void install(const Work& work) {
  if (work.flag("if_bare") && !cluster::probe_machine(work.site(), work.name()).seen.installed.empty())
    return;
  cluster::InstallOptions options;
  options.replace = work.flag("replace") ? cluster::Replace::any : cluster::Replace::nothing;
  options.patience = work.site().patience;
  options.phase = work.site().phase;
  cluster::install(*work.guest(), work.release(), options);
}

void take_snapshot_before_upgrade(const Work& work) {
  cluster::snapshot_before_upgrade(work.site(), work.snapshots(), work.release().version.text());
  cluster::prune_bundles(work.snapshots(), work.site().lab.name, kUpgradeLabel, kUpgradeBundles);
}

}  // namespace

void run_cluster_step(const StepScope& scope) {
  const auto whole = lab_with_former(scope);
  ClusterSite made(whole ? *whole : scope.bench.lab, scope.session, *scope.bench.discs, scope.bench.emulated);
  const auto site = made.site([&scope](const std::string& text) { scope.context.phase(text); });
  run_cluster_step(scope.step, {site, scope.bench.releases, scope.bench.snapshots});
}

void run_cluster_step(const plan::Step& step, const ClusterTools& tools) {
  const Work work(step, tools);
  const auto& site = work.site();
  const auto& name = work.name();
  switch (step.kind) {
    case plan::StepKind::drain_member:
      return drain(work);
    case plan::StepKind::return_member:
      return come_back(work);
    case plan::StepKind::leave_cluster:
      return cluster::leave(site, name, {.uninstall = work.flag("uninstall")});
    case plan::StepKind::forget_member:
      return cluster::forget(site, name);
    case plan::StepKind::fetch_release:
      work.release();
      return;
    case plan::StepKind::install_release:
      return install(work);
    case plan::StepKind::form_cluster:
      return cluster::form(site, name, work.materials());
    case plan::StepKind::join_cluster:
      return cluster::join(site, name, work.materials());
    case plan::StepKind::settle_cluster:
      return cluster::settle(site);
    case plan::StepKind::label_member:
      return cluster::label_member(site, name);
    case plan::StepKind::reconfigure_member:
      return cluster::reconfigure_member(site, name);
    case plan::StepKind::snapshot_cluster:
      return take_snapshot_before_upgrade(work);
    case plan::StepKind::upgrade_member:
      return cluster::upgrade_member(site, name, work.release());
    default:
      throw Error(Errc::unsupported, "'{}' is no step of a cluster", step.id);
  }
}

}  // namespace hlid::drive
