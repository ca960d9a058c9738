#pragma once
#include <string>
#include <vector>

#include "support/fake_rke2/rke2_box.h"
#include "sys/files.h"

namespace hlid::test {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

inline const std::string kFirst = "v1.34.1+rke2r1";
inline const std::string kVip = "10.99.0.100";

/// The cluster that the cases share.
struct Cluster {
  sys::TempFolder folder{"hbox"};
  BoxNetwork network{folder.path()};
  Rke2Box m1{network, "m1", "10.99.0.11"}, m2{network, "m2", "10.99.0.12"}, m3{network, "m3", "10.99.0.13"};
  Rke2Box w1{network, "w1", "10.99.0.21"}, w2{network, "w2", "10.99.0.22"};

  std::vector<Rke2Box*> servers() { return {&m1, &m2, &m3}; }
  std::vector<Rke2Box*> agents() { return {&w1, &w2}; }
  std::string token();  ///< the full form
  void configure_server(Rke2Box& box, bool joins);
  void configure_agent(Rke2Box& box);
  /// rke2-killall.sh, and what it leaves: containers that are killed cannot take the virtual address away.
  void kill_all(Rke2Box& box);
  bool all_vote(Rke2Box& asked);
  bool all_ready(Rke2Box& asked);
};
Cluster& cluster();
void drop_cluster();

/// Names of nodes that are Ready, in their order.
Names ready_nodes(Rke2Box& box);
bool is_active(Rke2Box& box, const std::string& role);

}  // namespace hlid::test
