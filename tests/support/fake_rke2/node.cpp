#include "support/fake_rke2/node.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/containers.h"
#include "support/fake_rke2/faults.h"
#include "support/fake_rke2/images.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/kube_vip.h"
#include "support/fake_rke2/release.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

using namespace std::chrono_literals;

json::array& array_at(json::object& object, std::string_view key) {
  auto& slot = object[key];
  if (!slot.is_array()) slot = json::array();
  return slot.as_array();
}

json::object& object_at(json::object& object, std::string_view key) {
  auto& slot = object[key];
  if (!slot.is_object()) slot = json::object();
  return slot.as_object();
}

std::string os_name() {
  for (const auto& line : split(sys::read_file_if_exists("/etc/os-release").value_or(""), '\n'))
    if (line.starts_with("PRETTY_NAME=")) return replace_all(line.substr(12), "\"", "");
  return "Linux";
}

json::object node_info() {
  struct utsname system {};
  ::uname(&system);
  return {{"machineID", trim(sys::read_file_if_exists("/etc/machine-id").value_or(""))},
          {"systemUUID", trim(sys::read_file_if_exists("/sys/class/dmi/id/product_uuid").value_or(""))},
          {"bootID", trim(sys::read_file_if_exists("/proc/sys/kernel/random/boot_id").value_or(""))},
          {"kernelVersion", system.release},
          {"osImage", os_name()},
          {"containerRuntimeVersion", "containerd://2.0.5-k3s1"},
          {"kubeletVersion", version()},
          {"kubeProxyVersion", version()},
          {"operatingSystem", "linux"},
          {"architecture", "amd64"}};
}

/// "key=value:Effect" or "key:Effect".
json::object taint_of(const std::string& text) {
  const auto colon = text.rfind(':');
  const auto left = text.substr(0, colon);
  const auto equals = left.find('=');
  json::object out{{"key", left.substr(0, equals)}};
  if (equals != std::string::npos) out["value"] = left.substr(equals + 1);
  out["effect"] = colon == std::string::npos ? "NoSchedule" : text.substr(colon + 1);
  return out;
}

const std::string kUninitialized = "node.cloudprovider.kubernetes.io/uninitialized";

std::string pod_suffix(const std::string& seed) {
  return sys::sha256_hex(seed).substr(0, 5);
}

}  // namespace

std::string node_path(const std::string& name) {
  return "/api/v1/nodes/" + percent_encode(name);
}

void set_condition(json::object& node, const std::string& type, const std::string& status,
                   const std::string& reason, const std::string& message) {
  auto& conditions = array_at(object_at(node, "status"), "conditions");
  json::object* slot = nullptr;
  for (auto& condition : conditions)
    if (text_at(condition, {"type"}) == type) slot = &condition.as_object();
  if (slot == nullptr) slot = &conditions.emplace_back(json::object{{"type", type}}).as_object();
  if (get_string(*slot, "status") != status) (*slot)["lastTransitionTime"] = journal::now();
  (*slot)["status"] = status;
  (*slot)["lastHeartbeatTime"] = journal::now();
  (*slot)["reason"] = reason;
  (*slot)["message"] = message;
}

std::string condition_status(const json::object& node, const std::string& type) {
  const auto* status = node.if_contains("status");
  const auto* conditions = status == nullptr ? nullptr : status->as_object().if_contains("conditions");
  if (conditions == nullptr) return {};
  for (const auto& condition : conditions->as_array())
    if (text_at(condition, {"type"}) == type) return text_at(condition, {"status"});
  return {};
}

Kubelet::Kubelet(Config config, bool server)
    : config_(std::move(config)), server_(server), name_(config_.node_name()) {}

void Kubelet::register_node(Api& api) {
  api.update(node_path(name_), [&](json::object& node) {
    const bool first = node.empty();
    // All that is written below first, so that no reference into the object moves.
    for (const char* key : {"metadata", "spec", "status"}) object_at(node, key);
    auto& metadata = metadata_of(node);
    for (const char* key : {"labels", "annotations"}) object_at(metadata, key);
    auto& labels = object_at(metadata, "labels");
    auto& annotations = object_at(metadata, "annotations");
    labels["kubernetes.io/hostname"] = name_;
    labels["kubernetes.io/os"] = "linux";
    labels["kubernetes.io/arch"] = "amd64";
    labels["node.kubernetes.io/instance-type"] = "rke2";
    if (server_)
      for (const char* role : {"control-plane", "etcd", "master"})
        labels[std::string("node-role.kubernetes.io/") + role] = "true";
    for (const auto& label : config_.list("node-label")) {
      const auto equals = label.find('=');
      labels[label.substr(0, equals)] = equals == std::string::npos ? "" : label.substr(equals + 1);
    }
    annotations["rke2.io/hostname"] = name_;
    annotations["rke2.io/internal-ip"] = config_.node_ip();
    annotations["rke2.io/node-config-hash"] = sys::sha256_hex(fmt::format("{}", config_.values().size()));
    auto& spec = object_at(node, "spec");
    if (first) {
      auto& taints = array_at(spec, "taints");
      for (const auto& taint : config_.list("node-taint")) taints.push_back(taint_of(taint));
      taints.push_back(json::object{{"key", kUninitialized}, {"value", "true"}, {"effect", "NoSchedule"}});
      spec["podCIDR"] = "10.42.0.0/24";
      spec["providerID"] = "rke2://" + name_;
    }
    auto& status = object_at(node, "status");
    const auto before = text_at(node, {"status", "nodeInfo", "kubeletVersion"});
    upgraded_ = !before.empty() && before != version();
    status["nodeInfo"] = node_info();
    status["addresses"] = json::array{json::object{{"type", "InternalIP"}, {"address", config_.node_ip()}},
                                      json::object{{"type", "Hostname"}, {"address", name_}}};
    status["capacity"] = json::object{{"cpu", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))},
                                      {"memory", std::to_string(::sysconf(_SC_PHYS_PAGES) * 4) + "Ki"},
                                      {"pods", "110"}};
    for (const char* pressure : {"MemoryPressure", "DiskPressure", "PIDPressure"})
      set_condition(node, pressure, "False", "KubeletHasSufficient",
                    "kubelet has sufficient resources available");
    set_condition(node, "Ready", "False", "KubeletNotReady",
                  "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
                  "message:Network plugin returns error: cni plugin not initialized");
    return true;
  });
}

void Kubelet::become_ready(Api& api) {
  api.update(node_path(name_), [&](json::object& node) {
    if (node.empty() || condition_status(node, "Ready") == "True") return false;
    set_condition(node, "Ready", "True", "KubeletReady", "kubelet is posting ready status");
    json::array kept;
    for (const auto& taint : array_at(object_at(node, "spec"), "taints"))
      if (const auto key = text_at(taint, {"key"}); key != kUninitialized &&
                                                    key != "node.kubernetes.io/unreachable" &&
                                                    key != "node.kubernetes.io/not-ready")
        kept.push_back(taint);
    node["spec"].as_object()["taints"] = std::move(kept);
    return true;
  });
}

void Kubelet::heartbeat(Api& api) {
  api.put("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/" + percent_encode(name_),
          {{"spec",
            json::object{
                {"holderIdentity", name_}, {"leaseDurationSeconds", 40}, {"renewTime", journal::now()}}}});
}

void Kubelet::put_pod(Api& api, const std::string& name, const std::string& image, const std::string& owner,
                      bool ready) const {
  const auto path = "/api/v1/namespaces/kube-system/pods/" + name;
  const auto phase = ready ? "Running" : "Pending";
  api.update(path, [&](json::object& pod) {
    if (text_at(pod, {"status", "phase"}) == phase) return false;
    auto& metadata = metadata_of(pod);
    metadata["ownerReferences"] = json::array{
        json::object{{"kind", owner}, {"name", owner == "Node" ? name_ : name}, {"controller", true}}};
    if (owner == "Node") object_at(metadata, "annotations")["kubernetes.io/config.mirror"] = "fake";
    pod["spec"] = json::object{
        {"nodeName", name_},
        {"containers",
         json::array{json::object{{"name", name.substr(0, name.rfind('-'))}, {"image", image}}}}};
    json::object container{
        {"name", name.substr(0, name.rfind('-'))}, {"ready", ready}, {"restartCount", 0}, {"image", image}};
    if (!ready)
      container["state"] =
          json::object{{"waiting", json::object{{"reason", "ImagePullBackOff"},
                                                {"message", "Back-off pulling image \"" + image + "\""}}}};
    pod["status"] = json::object{
        {"phase", phase},
        {"hostIP", config_.node_ip()},
        {"conditions", json::array{json::object{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}},
        {"containerStatuses", json::array{std::move(container)}}};
    return true;
  });
}

void Kubelet::write_pods(Api& api) const {
  const auto rke2 = "rancher/hardened-kubernetes:" + image_tag();
  put_pod(api, "kube-proxy-" + name_, rke2, "Node", true);
  put_pod(api, fmt::format("rke2-{}-{}", config_.text("cni", "canal"), pod_suffix(name_)),
          "rancher/hardened-cni", "DaemonSet", true);
  if (!server_) return;
  for (const char* component :
       {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "cloud-controller-manager"})
    put_pod(api, std::string(component) + "-" + name_, rke2, "Node", true);
}

void Kubelet::run_kube_vip(Api& api) {
  if (!server_) return;
  const auto wanted = wanted_kube_vip(api, config_.layout());
  if (!wanted) {
    if (containers::running("kube-vip")) containers::stop("kube-vip");
    return;
  }
  const bool present = has_image(wanted->image);
  put_pod(api, "kube-vip-ds-" + pod_suffix(name_ + "vip"), wanted->image, "DaemonSet", present);
  if (!present) {
    if (std::exchange(vip_pod_, wanted->image) != wanted->image)
      journal::error("Failed to pull image \"{}\": not found in the image archives", wanted->image);
    return;
  }
  std::vector<std::string> argv{(fs::canonical(config_.layout().bin()) / "kube-vip").string(), "manager",
                                name_};
  for (const auto& [key, value] : wanted->environment) argv.push_back(key + "=" + value);
  containers::ensure(config_.layout(), "kube-vip", argv);
}

void Kubelet::run(Api& api, const std::function<void()>& each) {
  const auto start = std::chrono::steady_clock::now();
  auto next_beat = start;
  for (bool wrote_pods = false;; std::this_thread::sleep_for(1s)) {
    try {
      if (each) each();
      const auto now = std::chrono::steady_clock::now();
      if (now >= next_beat) {
        heartbeat(api);
        next_beat = now + 10s;
      }
      const auto network = std::chrono::seconds(faults::number("cni_delay", 3));
      if (now - start >= network && !(upgraded_ && faults::has("node_notready_after_upgrade")))
        become_ready(api);
      run_kube_vip(api);
      if (!std::exchange(wrote_pods, true)) write_pods(api);
    } catch (const std::exception& problem) {
      journal::error("kubelet: {}", problem.what());
      std::this_thread::sleep_for(1s);
    }
  }
}

}  // namespace hlid::fake_rke2
