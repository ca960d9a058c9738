#include "drive/cluster_goal.h"

#include <algorithm>

#include "base/error.h"
#include "cluster/upgrade.h"

namespace hlid::drive {
namespace {

/// Before Kubernetes 1.27 a second server that joined while another did gave up (k3s issue 7000).
constexpr int kServersJoinTogetherSince = 27;

/// What the servers run, the newest; nullopt: none says.
std::optional<cluster::Version> running(const model::Homelab& lab, const model::ObservedCluster& observed) {
  std::optional<cluster::Version> newest;
  for (const auto& machine : lab.machines) {
    if (machine.role != model::Role::server) continue;
    const auto version = cluster::Version::parse(cluster::version_of(observed, machine.name));
    if (version && (!newest || *newest < *version)) newest = version;
  }
  return newest;
}

/// Every machine with a role has it and runs it: then nobody needs its files.
bool all_run(const model::Homelab& lab, const std::optional<model::ObservedCluster>& observed,
             const std::string& version) {
  return observed && std::all_of(lab.machines.begin(), lab.machines.end(), [&](const auto& machine) {
           return machine.role == model::Role::plain ||
                  cluster::version_of(*observed, machine.name) == version;
         });
}

class Goal {
 public:
  Goal(const model::Homelab& lab, const std::optional<model::ObservedCluster>& observed,
       const cluster::ReleaseAccess& access)
      : lab_(lab), observed_(observed), access_(access) {}

  plan::ClusterGoal find(bool reach) {
    const auto version = choose();
    if (!version) return std::move(goal_);
    goal_.version = version->text();
    goal_.servers_join_together = version->minor >= kServersJoinTogetherSince;
    check_path();
    goal_.at_hand = all_run(lab_, observed_, goal_.version) || is_here(*version);
    if (!goal_.at_hand && reach) try_to([&] { cluster::require_reachable(wanted(), *version, access_); });
    return std::move(goal_);
  }

 private:
  const model::Cluster& wanted() const { return *lab_.cluster; }

  std::optional<cluster::Version> choose() {
    const auto runs = observed_ && wanted().version.empty() ? running(lab_, *observed_) : std::nullopt;
    std::optional<cluster::Version> chosen;
    try_to([&] { chosen = cluster::chosen_version(wanted(), access_); });
    if (!runs) return chosen;
    if (chosen && *runs < *chosen) goal_.newer = chosen->text();
    goal_.missing.reset();  // of the channel: nobody has to go there
    return runs;
  }

  void check_path() {
    if (!observed_ || !observed_->answers) return;
    const auto verdict = cluster::may_upgrade(*observed_, goal_.version);
    goal_.upgrade_refused = verdict.evidence;
    goal_.upgrade_fix = verdict.fix;
  }

  bool is_here(const cluster::Version& version) {
    bool here = false;
    try_to([&] { here = cluster::find_release(wanted(), version, access_).has_value(); });
    return here;
  }

  /// What cannot be had is told in the plan, and stops only what needs it.
  template <typename Work>
  void try_to(Work work) {
    try {
      work();
    } catch (const Error& error) {
      if (error.code() != Errc::precondition) throw;
      goal_.at_hand = false;
      goal_.missing = {error.message(), error.hint().empty() ? std::vector<std::string>()
                                                             : std::vector<std::string>{error.hint()}};
    }
  }

  const model::Homelab& lab_;
  const std::optional<model::ObservedCluster>& observed_;
  const cluster::ReleaseAccess& access_;
  plan::ClusterGoal goal_;
};

}  // namespace

plan::ClusterGoal cluster_goal(const model::Homelab& lab,
                               const std::optional<model::ObservedCluster>& observed,
                               const cluster::ReleaseAccess& access, bool reach) {
  return Goal(lab, observed, access).find(reach);
}

}  // namespace hlid::drive
