// The steps of a cluster, each bound to the verb that does it. The verbs look first and are repeatable, so a
// step is too.
#include "cluster/cordon.h"
#include "cluster/fetch.h"
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
  explicit Work(const StepScope& scope)
      : scope_(scope),
        with_former_(lab_with_former(scope)),
        made_(with_former_ ? *with_former_ : scope.bench.lab, scope.session, *scope.bench.discs,
              scope.bench.emulated),
        site_(made_.site([&scope](const std::string& text) { scope.context.phase(text); })) {}

  const cluster::Site& site() const { return site_; }
  const std::string& name() const { return scope_.step.subject; }
  std::unique_ptr<cluster::Guest> guest() const { return site_.fleet.guest(name()); }

  /// Of the step's version, else of the file's. What is not here is fetched.
  cluster::ReleaseSet release() const {
    const auto access = scope_.bench.releases(site_.stop, [this](const cluster::FetchProgress& progress) {
      if (progress.total <= 0) return;
      scope_.context.phase(fmt::format(
          "{} {} {} %", progress.doing == cluster::FetchProgress::Doing::fetching ? "fetching" : "checking",
          progress.file, progress.done * 100 / progress.total));
    });
    const auto wanted = cluster::Version::parse(scope_.detail("version"));
    return cluster::resolve(site_.wanted(),
                            wanted ? *wanted : cluster::chosen_version(site_.wanted(), access), access);
  }

  /// Only who has a VIP needs the image. Who was installed in this run was so from a release that is here; a
  /// member that only starts again has its manifest, and nothing is fetched for it.
  cluster::Materials materials() const {
    if (!site_.wanted().vip) return {};
    const auto access = scope_.bench.releases(site_.stop, [](const cluster::FetchProgress&) {});
    const auto version = cluster::Version::parse(scope_.detail("version"));
    if (!version) return {};
    const auto release = cluster::find_release(site_.wanted(), *version, access);
    return {release ? release->kube_vip_image : std::string()};
  }

 private:
  /// The registration address is written on the machines of the file only.
  static std::optional<model::Homelab> lab_with_former(const StepScope& scope) {
    if (scope.step.kind == plan::StepKind::settle_cluster) return std::nullopt;
    const auto former = still_there(scope.session, scope.bench.former);
    if (former.empty()) return std::nullopt;
    return with_former(scope.bench.lab, former);
  }

  const StepScope& scope_;
  std::optional<model::Homelab> with_former_;
  ClusterSite made_;
  cluster::Site site_;
};

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

void install(const StepScope& scope, const Work& work) {
  if (scope.flag("if_bare") && !cluster::probe_machine(work.site(), work.name()).seen.installed.empty())
    return;
  cluster::InstallOptions options;
  options.replace = scope.flag("replace") ? cluster::Replace::any : cluster::Replace::nothing;
  options.patience = work.site().patience;
  options.phase = work.site().phase;
  cluster::install(*work.guest(), work.release(), options);
}

void take_snapshot_before_upgrade(const StepScope& scope, const Work& work) {
  const auto& folder = scope.bench.snapshots;
  cluster::snapshot_before_upgrade(work.site(), folder, work.release().version.text());
  cluster::prune_bundles(folder, scope.bench.lab.name, kUpgradeLabel, kUpgradeBundles);
}

}  // namespace

void run_cluster_step(const StepScope& scope) {
  const Work work(scope);
  const auto& site = work.site();
  const auto& name = work.name();
  switch (scope.step.kind) {
    case plan::StepKind::drain_member:
      return drain(work);
    case plan::StepKind::return_member:
      return come_back(work);
    case plan::StepKind::leave_cluster:
      return cluster::leave(site, name, {.uninstall = scope.flag("uninstall")});
    case plan::StepKind::forget_member:
      return cluster::forget(site, name);
    case plan::StepKind::fetch_release:
      work.release();
      return;
    case plan::StepKind::install_release:
      return install(scope, work);
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
      return take_snapshot_before_upgrade(scope, work);
    case plan::StepKind::upgrade_member:
      return cluster::upgrade_member(site, name, work.release());
    default:
      throw Error(Errc::unsupported, "'{}' is no step of a cluster", scope.step.id);
  }
}

}  // namespace hlid::drive
