#pragma once
#include <memory>

#include "support/plan_cluster_simulator.h"
#include "support/plan_world.h"

/// Labs with a cluster, on a simulated hypervisor.
namespace hlid::test {

inline constexpr const char* kRelease = "v1.34.1+rke2r1";
inline constexpr const char* kNextRelease = "v1.34.2+rke2r1";

inline model::Homelab cluster_lab(int servers = 3, int agents = 3) {
  auto lab = reference_lab();
  lab.machines.clear();
  add_group(lab, "master", model::Role::server, servers, 1001, 101, 2, gib(4), gib(50));
  add_group(lab, "worker", model::Role::agent, agents, 1011, 111, 3, gib(12), gib(100));
  lab.cluster.emplace();
  lab.cluster->version = kRelease;
  lab.cluster->vip = *parse_ipv4("10.10.10.100");
  return lab;
}

/// Plans and does until nothing is left, as `up` does: at most so many rounds as it would. The last plan.
inline plan::Plan bring_up(ClusterSimulator& simulator, const model::Homelab& lab, model::Observed& there,
                           const plan::Options& options, int rounds = 3) {
  auto plan = plan::make_plan(lab, there, options);
  while (rounds-- > 0 && plan.refusals.empty() && !plan.steps.empty()) {
    for (const auto& step : plan.steps) simulator.apply(step);
    const bool again = plan.look_again;
    plan = plan::make_plan(lab, there, options);
    if (!again) break;
  }
  return plan;
}

/// A lab, the hypervisor that it is on, and what is in its machines. Stays where it is: its parts refer to
/// each other.
struct FormedLab {
  explicit FormedLab(model::Homelab file, model::Observed host = empty_node())
      : lab(std::move(file)), there(std::move(host)) {}
  FormedLab(const FormedLab&) = delete;
  FormedLab& operator=(const FormedLab&) = delete;

  model::Homelab lab;
  model::Observed there;
  plan::Options options = with_key();
  ClusterSimulator cluster{lab, there, kTemplateKey, kRelease};

  plan::Plan plan() const { return plan::make_plan(lab, there, options); }
  /// As `up`: until there is nothing left, or what is left must wait.
  plan::Plan up() { return bring_up(cluster, lab, there, options); }
  void run(const plan::Plan& plan) {
    for (const auto& step : plan.steps) cluster.apply(step);
  }
};

/// The lab as `up` leaves it.
inline std::unique_ptr<FormedLab> formed(model::Homelab lab) {
  auto world = std::make_unique<FormedLab>(std::move(lab));
  world->up();
  return world;
}

}  // namespace hlid::test
