#pragma once
#include <functional>
#include <string>

#include "support/fake_rke2/api.h"
#include "support/fake_rke2/config.h"

/// The kubelet: registers the Node, keeps it alive, runs what pods there are.
namespace hlid::fake_rke2 {

/// Sets a condition of a Node in place; lastTransitionTime moves only with the status.
void set_condition(json::object& node, const std::string& type, const std::string& status,
                   const std::string& reason, const std::string& message);
/// "True", "False", "Unknown" or empty.
std::string condition_status(const json::object& node, const std::string& type);

class Kubelet {
 public:
  Kubelet(Config config, bool server);
  /// Creates or updates the Node; labels and taints of the configuration are for the first time only, labels
  /// are merged again each time.
  void register_node(Api& api);
  /// Heartbeats, readiness and pods, for ever; `each` runs before every round.
  void run(Api& api, const std::function<void()>& each = {});

 private:
  void heartbeat(Api& api);
  void become_ready(Api& api);
  void write_pods(Api& api) const;
  void put_pod(Api& api, const std::string& name, const std::string& image, const std::string& owner,
               bool ready) const;
  void run_kube_vip(Api& api);

  Config config_;
  bool server_;
  std::string name_;
  bool upgraded_ = false;  ///< the Node was last seen with another version
  std::string vip_pod_;
};

std::string node_path(const std::string& name);

}  // namespace hlid::fake_rke2
