#include "support/fake_rke2/controllers.h"

#include <algorithm>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/api.h"
#include "support/fake_rke2/datastore.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/node.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;
using TimePoint = std::chrono::steady_clock::time_point;

const std::string kMemberName = "etcd.rke2.cattle.io/node-name";
const std::string kRemove = "etcd.rke2.cattle.io/remove";
constexpr auto kGrace = 40s;          // node-monitor-grace-period
constexpr auto kLearnerLimit = 5min;  // a learner without progress

class Controllers {
 public:
  explicit Controllers(const Config& config)
      : config_(config), datastore_(config), etcd_(datastore_.local()), api_(local_admin(config.layout())) {}

  void tick(TimePoint now) {
    voter_condition();
    if (now >= next_promotion_) {
      next_promotion_ = now + std::chrono::seconds(faults::number("promote_delay", 15));
      manage_learners(now);
    }
    if (!lead()) return;
    remove_members();
    forget_passwords();
    mark_silent_nodes(now);
    keep_dns();
  }

 private:
  /// One server at a time, by a lease of ten seconds.
  bool lead() {
    if (lease_ != 0 && etcd_.keep_alive(lease_)) return true;
    lease_ = 0;
    if (etcd_.get("/fake-controllers")) return false;
    lease_ = etcd_.grant(10);
    if (etcd_.put_if("/fake-controllers", config_.node_name(), 0, lease_)) {
      journal::info("Became leader of the cluster's controllers");
      return true;
    }
    lease_ = 0;
    return false;
  }

  /// This server's own word on its member, as the condition EtcdIsVoter of its Node.
  void voter_condition() {
    const auto members = etcd_.members();
    const auto mine = std::ranges::find_if(members, [&](const Member& member) {
      return std::ranges::count(member.peer_urls, datastore_.peer_url()) > 0;
    });
    if (mine == members.end()) return;
    api_.update(node_path(config_.node_name()), [&](json::object& node) {
      if (node.empty()) return false;
      auto& slot = metadata_of(node)["annotations"];
      if (!slot.is_object()) slot = json::object();
      const bool known = mark_of(node, "annotations", kMemberName) == mine->name;
      if (known && condition_status(node, "EtcdIsVoter") == "True") return false;
      slot.as_object()[kMemberName] = mine->name;
      slot.as_object()["etcd.rke2.cattle.io/node-address"] = config_.node_ip();
      slot.as_object()["etcd.rke2.cattle.io/local-snapshots-timestamp"] = journal::now();
      set_condition(node, "EtcdIsVoter", "True", "MemberNotLearner",
                    "Node is a voting member of the etcd cluster");
      return true;
    });
  }

  /// Only the leader of etcd promotes (and so none does while that server's service is stopped).
  void manage_learners(TimePoint now) {
    const auto status = etcd_.status();
    if (status.member != status.leader) return;
    for (const auto& member : etcd_.members()) {
      if (!member.learner) {
        learners_.erase(member.id);
        continue;
      }
      const auto since = learners_.try_emplace(member.id, now).first->second;
      try {
        if (faults::has("learner_stuck")) throw Error(Errc::failed, "fault learner_stuck");
        etcd_.promote(member.id);
        journal::info("Promoted learner {}", member.name);
      } catch (const Error& problem) {
        journal::warning("Unable to promote learner {}: {}", member.name, problem.message());
        if (now - since < kLearnerLimit) continue;
        journal::warning("Removing learner {} from etcd cluster: no progress", member.name);
        etcd_.remove(member.id);
      }
    }
  }

  void remove_members() {
    for (const auto& word : etcd_.prefix("/fake-removed-servers/")) {
      const auto value = parse_json(word.value, word.key);
      remove_member(text_at(value, {"member"}));
      etcd_.erase(word.key);
    }
    for (const auto& node : api_.list("/api/v1/nodes"))
      if (mark_of(node, "annotations", kRemove) == "true") {
        remove_member(mark_of(node, "annotations", kMemberName).value_or(""));
        api_.update(node_path(name_of(node)), [](json::object& object) {
          auto& annotations = metadata_of(object)["annotations"].as_object();
          annotations["etcd.rke2.cattle.io/removed-node-name"] = annotations[kMemberName];
          annotations.erase(kRemove);
          annotations.erase(kMemberName);
          return true;
        });
      }
  }

  void remove_member(const std::string& name) {
    for (const auto& member : etcd_.members()) {
      if (member.name != name) continue;
      journal::info("Removing etcd member {} due to node deletion", name);
      etcd_.remove(member.id);
    }
  }

  void forget_passwords() {
    for (const auto& word : etcd_.prefix("/fake-removed-nodes/")) {
      const auto node = word.key.substr(word.key.rfind('/') + 1);
      api_.remove("/api/v1/namespaces/kube-system/secrets/" + node + ".node-password.rke2");
      etcd_.erase(word.key);
    }
  }

  /// By this clock, not by what nodes write: a lease that does not change for 40 s.
  void mark_silent_nodes(TimePoint now) {
    std::map<std::string, std::string> beats;
    for (const auto& lease : api_.list("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"))
      beats[name_of(lease)] = text_at(lease, {"metadata", "resourceVersion"});
    for (const auto& node : api_.list("/api/v1/nodes")) {
      auto& seen = seen_[name_of(node)];
      if (seen.second == TimePoint() || seen.first != beats[name_of(node)])
        seen = {beats[name_of(node)], now};
      if (now - seen.second < kGrace || condition_status(node.as_object(), "Ready") == "Unknown") continue;
      api_.update(node_path(name_of(node)), [](json::object& object) {
        if (object.empty()) return false;
        set_condition(object, "Ready", "Unknown", "NodeStatusUnknown",
                      "Kubelet stopped posting node status.");
        auto& taints = object["spec"].as_object()["taints"];
        if (!taints.is_array()) taints = json::array();
        taints.as_array().push_back(
            json::object{{"key", "node.kubernetes.io/unreachable"}, {"effect", "NoExecute"}});
        return true;
      });
    }
  }

  /// The one workload that is not bound to its node, so that a drain has something to evict.
  void keep_dns() {
    const std::string path = "/api/v1/namespaces/kube-system/pods/rke2-coredns-rke2-coredns-6464f98784-fake1";
    if (api_.get(path)) return;
    for (const auto& node : api_.list("/api/v1/nodes")) {
      const auto* spec = node.as_object().if_contains("spec");
      const bool cordoned = spec != nullptr && get_bool(spec->as_object(), "unschedulable").value_or(false);
      if (cordoned || condition_status(node.as_object(), "Ready") != "True") continue;
      api_.put(
          path,
          {{"metadata", json::object{{"ownerReferences", json::array{json::object{{"kind", "ReplicaSet"},
                                                                                  {"controller", true}}}}}},
           {"spec", json::object{{"nodeName", name_of(node)},
                                 {"containers", json::array{json::object{{"name", "coredns"}}}}}},
           {"status", json::object{{"phase", "Running"},
                                   {"containerStatuses", json::array{json::object{{"name", "coredns"},
                                                                                  {"ready", true},
                                                                                  {"restartCount", 0}}}}}}});
      return;
    }
  }

  Config config_;
  Datastore datastore_;
  Etcd etcd_;
  Api api_;
  std::int64_t lease_ = 0;
  TimePoint next_promotion_{};
  std::map<std::uint64_t, TimePoint> learners_;
  std::map<std::string, std::pair<std::string, TimePoint>> seen_;
};

}  // namespace

void run_controllers(const Config& config) {
  Controllers controllers(config);
  std::string last;
  for (;; std::this_thread::sleep_for(1s)) {
    try {
      controllers.tick(std::chrono::steady_clock::now());
      last.clear();
    } catch (const std::exception& problem) {
      if (std::exchange(last, problem.what()) != last) journal::error("controllers: {}", problem.what());
    }
  }
}

}  // namespace hlid::fake_rke2
