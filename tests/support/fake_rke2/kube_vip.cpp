#include "support/fake_rke2/kube_vip.h"

#include <signal.h>

#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/yaml.h"
#include "sys/files.h"
#include "sys/process.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;
using TimePoint = std::chrono::steady_clock::time_point;

/// The container of kube-vip in a pod's specification.
std::optional<KubeVip> in_pod(const json::value& spec) {
  const auto* containers = spec.as_object().if_contains("containers");
  if (containers == nullptr) return std::nullopt;
  for (const auto& container : containers->as_array()) {
    KubeVip out{text_at(container, {"image"}), {}};
    if (!contains(out.image, "kube-vip")) continue;
    if (const auto* list = container.as_object().if_contains("env"))
      for (const auto& variable : list->as_array())
        out.environment[text_at(variable, {"name"})] = text_at(variable, {"value"});
    return out;
  }
  return std::nullopt;
}

std::optional<KubeVip> in_static_pods(const Layout& layout) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(layout.static_pods(), none)) {
    if (!contains(entry.path().filename().string(), "vip")) continue;
    for (const auto& document : documents_of(sys::read_file(entry.path())))
      if (const auto* spec = document.as_object().if_contains("spec"))
        if (auto found = in_pod(*spec)) return found;
  }
  return std::nullopt;
}

volatile sig_atomic_t stopping = 0;
void on_stop(int) {
  stopping = 1;
}

class Holder {
 public:
  Holder(std::string node, const std::map<std::string, std::string>& environment)
      : node_(std::move(node)), environment_(environment) {
    lease_path_ = "/apis/coordination.k8s.io/v1/namespaces/" + value("cp_namespace", "kube-system") +
                  "/leases/" + value("vip_leasename", "plndr-cp-lock");
    address_ = value("address", "") + "/" + value("vip_subnet", value("vip_cidr", "32"));
    interface_ = value("vip_interface", "eth0");
  }

  int run() {
    const auto retry = seconds("vip_retryperiod", 1);
    const auto deadline = seconds("vip_renewdeadline", 3);
    change("del");  // what an earlier one that was killed left behind
    auto renewed = std::chrono::steady_clock::now();
    while (stopping == 0) {
      const auto now = std::chrono::steady_clock::now();
      bool mine = false;
      try {
        mine = take_lease(now);
        if (mine) renewed = now;
      } catch (const std::exception&) {
        mine = holding_ && now - renewed < deadline;  // the lease stands until it ends
      }
      hold(mine && !faults::has("vip_absent"));
      std::this_thread::sleep_for(retry);
    }
    hold(false);
    return 0;
  }

 private:
  std::string value(const std::string& key, const std::string& otherwise) const {
    const auto found = environment_.find(key);
    return found == environment_.end() || found->second.empty() ? otherwise : found->second;
  }
  std::chrono::seconds seconds(const std::string& key, int otherwise) const {
    return std::chrono::seconds(std::atoi(value(key, std::to_string(otherwise)).c_str()));
  }

  /// Others' leases end when this clock saw no change for their duration.
  bool take_lease(TimePoint now) {
    auto api = local_admin({}, 2s);
    bool mine = false;
    api.update(lease_path_, [&](json::object& lease) {
      const auto holder = text_at(lease, {"spec", "holderIdentity"});
      const auto seen =
          holder + text_at(lease, {"spec", "renewTime"}) + text_at(lease, {"metadata", "resourceVersion"});
      if (seen != seen_) {
        seen_ = seen;
        seen_at_ = now;
      }
      mine = holder.empty() || holder == node_ || now - seen_at_ > seconds("vip_leaseduration", 5);
      if (!mine) return false;
      if (lease.empty()) metadata_of(lease)["resourceVersion"] = "0";
      lease["spec"] = json::object{{"holderIdentity", node_},
                                   {"leaseDurationSeconds", seconds("vip_leaseduration", 5).count()},
                                   {"renewTime", journal::now()}};
      return true;
    });
    return mine;
  }

  void hold(bool wanted) {
    if (wanted == holding_) return;
    holding_ = wanted;
    change(wanted ? "add" : "del");
    journal::info("{} {}", wanted ? "layer 2 broadcaster starting for" : "no longer the leader, removed",
                  address_);
    if (!wanted) return;
    sys::PosixProcessRunner runner;
    runner.run({.argv = {"arping", "-U", "-c", "2", "-w", "2", "-I", interface_, value("address", "")},
                .timeout = 5s});
  }

  void change(const char* verb) const {
    sys::PosixProcessRunner runner;
    const auto result =
        runner.run({.argv = {"ip", "address", verb, address_, "dev", interface_}, .timeout = 5s});
    if (std::string_view(verb) == "add" && !result.ok())
      journal::error("adding {} to {}: {}", address_, interface_, result.describe());
  }

  std::string node_;
  std::map<std::string, std::string> environment_;
  std::string lease_path_, address_, interface_;
  bool holding_ = false;
  std::string seen_;
  TimePoint seen_at_;
};

}  // namespace

std::optional<KubeVip> wanted_kube_vip(Api& api, const Layout& layout) {
  const auto* daemon_sets = find_resource("daemonsets");
  for (const auto& set : api.list(api_path(*daemon_sets, "", ""))) {
    const auto* spec = set.as_object().if_contains("spec");
    const auto* pod = spec == nullptr ? nullptr : spec->as_object().if_contains("template");
    const auto* inner = pod == nullptr ? nullptr : pod->as_object().if_contains("spec");
    if (inner != nullptr)
      if (auto found = in_pod(*inner)) return found;
  }
  return in_static_pods(layout);
}

int kube_vip_main(const std::vector<std::string>& arguments) {
  ::signal(SIGTERM, on_stop);
  std::map<std::string, std::string> environment;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const auto equals = arguments[i].find('=');
    environment[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  return Holder(arguments.size() > 1 ? arguments[1] : "", environment).run();
}

}  // namespace hlid::fake_rke2
