#pragma once
#include <algorithm>
#include <string>

#include "cluster/form.h"
#include "cluster/quorum.h"
#include "support/cluster_world.h"

namespace hlid::test {

inline const cluster::Materials kMaterials{"docker.io/kube-vip/kube-vip:v0.8.7"};

/// A cluster that was formed, and a watcher that looks at its etcd each second from then on.
class FormedWorld : public ClusterWorld {
 public:
  explicit FormedWorld(int servers, int agents, const std::string& distribution = "rke2",
                       const std::string& version = "v1.34.1+rke2r1", bool vip = true)
      : ClusterWorld(servers, agents, vip,
                     replace_all(version, "rke2r", distribution + (distribution == "rke2" ? "r" : ""))) {
    sim.distribution = lab.cluster->distribution = distribution;
    cluster::form(site(), "m-1", kMaterials);
    for (const auto& machine : lab.machines)
      if (machine.name != "m-1") cluster::join(site(), machine.name, kMaterials);
    cluster::settle(site());
    pass(std::chrono::seconds(30));
    sim.on_second = [this] { watch(); };
  }

  /// The least that the living voters ever had beyond what the quorum needs; below 0: it was lost.
  int lowest_margin = 1000;

 private:
  void watch() {
    for (std::size_t i = 0; i < sim.clusters.size(); ++i) {
      const int index = static_cast<int>(i);
      // A single server is away while it restarts; nobody could stand in for it.
      if (sim.clusters[i].voters() < 2) continue;
      const int margin = sim.alive_voters(index) - cluster::quorum(sim.clusters[i].voters());
      lowest_margin = std::min(lowest_margin, margin);
    }
  }
};

}  // namespace hlid::test
