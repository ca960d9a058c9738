#include "support/fake_rke2/resources.h"

#include "base/text.h"

namespace hlid::fake_rke2 {

std::string Resource::group() const {
  const auto slash = group_version.find('/');
  return slash == std::string::npos ? std::string() : group_version.substr(0, slash);
}

const std::vector<Resource>& resources() {
  static const std::vector<Resource> all = {
      {"nodes", "node", "Node", "v1", false, "no"},
      {"namespaces", "namespace", "Namespace", "v1", false, "ns"},
      {"pods", "pod", "Pod", "v1", true, "po"},
      {"secrets", "secret", "Secret", "v1", true},
      {"configmaps", "configmap", "ConfigMap", "v1", true, "cm"},
      {"events", "event", "Event", "v1", true, "ev"},
      {"services", "service", "Service", "v1", true, "svc"},
      {"endpoints", "endpoints", "Endpoints", "v1", true, "ep"},
      {"serviceaccounts", "serviceaccount", "ServiceAccount", "v1", true, "sa"},
      {"persistentvolumes", "persistentvolume", "PersistentVolume", "v1", false, "pv"},
      {"persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", "v1", true, "pvc"},
      {"daemonsets", "daemonset", "DaemonSet", "apps/v1", true, "ds"},
      {"deployments", "deployment", "Deployment", "apps/v1", true, "deploy"},
      {"statefulsets", "statefulset", "StatefulSet", "apps/v1", true, "sts"},
      {"jobs", "job", "Job", "batch/v1", true},
      {"poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget", "policy/v1", true, "pdb"},
      {"leases", "lease", "Lease", "coordination.k8s.io/v1", true},
      {"clusterroles", "clusterrole", "ClusterRole", "rbac.authorization.k8s.io/v1", false},
      {"clusterrolebindings", "clusterrolebinding", "ClusterRoleBinding", "rbac.authorization.k8s.io/v1",
       false},
      {"roles", "role", "Role", "rbac.authorization.k8s.io/v1", true},
      {"rolebindings", "rolebinding", "RoleBinding", "rbac.authorization.k8s.io/v1", true},
      {"addons", "addon", "Addon", "k3s.cattle.io/v1", true},
      {"etcdsnapshotfiles", "etcdsnapshotfile", "ETCDSnapshotFile", "k3s.cattle.io/v1", false},
      {"helmcharts", "helmchart", "HelmChart", "helm.cattle.io/v1", true},
      {"helmchartconfigs", "helmchartconfig", "HelmChartConfig", "helm.cattle.io/v1", true},
  };
  return all;
}

const Resource* find_resource(const std::string& name) {
  const auto wanted = to_lower(name);
  for (const auto& resource : resources())
    if (wanted == resource.plural || wanted == resource.singular ||
        (!resource.shorter.empty() && wanted == resource.shorter) ||
        (!resource.group().empty() && (wanted == resource.plural + "." + resource.group() ||
                                       wanted == resource.singular + "." + resource.group())))
      return &resource;
  return nullptr;
}

const Resource* resource_of_kind(const std::string& kind) {
  for (const auto& resource : resources())
    if (resource.kind == kind) return &resource;
  return nullptr;
}

std::string api_path(const Resource& resource, const std::string& ns, const std::string& name) {
  auto path = (resource.group().empty() ? "/api/" : "/apis/") + resource.group_version;
  if (resource.namespaced && !ns.empty()) path += "/namespaces/" + ns;
  path += "/" + resource.plural;
  if (!name.empty()) path += "/" + percent_encode(name);
  return path;
}

std::optional<Location> locate(const std::string& path) {
  auto parts = split_list(path, "/");
  if (parts.size() < 3 || (parts[0] != "api" && parts[0] != "apis")) return std::nullopt;
  std::size_t at = parts[0] == "api" ? 2 : 3;
  const auto version = parts[0] == "api" ? parts[1] : parts[1] + "/" + parts[2];
  Location out;
  if (at + 2 < parts.size() && parts[at] == "namespaces") {
    out.ns = parts[at + 1];
    at += 2;
  }
  if (at >= parts.size()) return std::nullopt;
  for (const auto& resource : resources())
    if (resource.plural == parts[at] && resource.group_version == version) out.resource = &resource;
  if (out.resource == nullptr) return std::nullopt;
  if (at + 1 < parts.size()) out.name = parts[at + 1];
  if (at + 2 < parts.size()) out.sub = parts[at + 2];
  return out;
}

std::string etcd_key(const Location& location) {
  auto key = "/fake/" + location.resource->plural + "/";
  if (location.resource->namespaced && location.ns.empty()) return key;
  return key + (location.resource->namespaced ? location.ns : "_") + "/" + location.name;
}

std::string text_at(const json::value& object, const std::vector<std::string>& path) {
  const json::value* at = &object;
  for (const auto& step : path) {
    const auto* inner = at->if_object();
    at = inner == nullptr ? nullptr : inner->if_contains(step);
    if (at == nullptr) return {};
  }
  return at->is_string() ? std::string(at->as_string()) : std::string();
}

json::object& metadata_of(json::object& object) {
  auto& slot = object["metadata"];
  if (!slot.is_object()) slot = json::object();
  return slot.as_object();
}

std::string name_of(const json::value& object) {
  return text_at(object, {"metadata", "name"});
}

std::string namespace_of(const json::value& object) {
  return text_at(object, {"metadata", "namespace"});
}

std::optional<std::string> mark_of(const json::value& object, const char* which, const std::string& key) {
  const auto* metadata = object.as_object().if_contains("metadata");
  const auto* marks = metadata == nullptr ? nullptr : metadata->as_object().if_contains(which);
  if (marks == nullptr || !marks->is_object()) return std::nullopt;
  return get_string(marks->as_object(), key);
}

}  // namespace hlid::fake_rke2
