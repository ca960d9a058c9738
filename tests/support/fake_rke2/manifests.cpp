#include "support/fake_rke2/manifests.h"

#include <algorithm>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "support/fake_rke2/api.h"
#include "support/fake_rke2/journal.h"
#include "support/fake_rke2/yaml.h"
#include "sys/files.h"
#include "sys/hash.h"

namespace hlid::fake_rke2 {
namespace {

void deploy_document(Api& api, json::object object) {
  const auto* resource = resource_of_kind(get_string(object, "kind").value_or(""));
  if (resource == nullptr) return;  // kinds that nothing here acts on
  auto ns = namespace_of(object);
  if (resource->namespaced && ns.empty()) ns = "default";
  if (!resource->namespaced) ns.clear();
  api.put(api_path(*resource, ns, name_of(object)), object);
}

void deploy(Api& api, const fs::path& file, const std::string& text) {
  for (const auto& document : documents_of(text)) deploy_document(api, document.as_object());
  api.put("/apis/k3s.cattle.io/v1/namespaces/kube-system/addons/" + file.stem().string(),
          {{"spec", json::object{{"source", file.string()}, {"checksum", sys::sha256_hex(text)}}}});
  journal::info("Applied manifest {}", file.string());
}

/// The charts that every cluster has, as objects only.
void deploy_charts(const Config& config, Api& api) {
  std::vector<std::string> charts{"rke2-coredns", "rke2-metrics-server", "rke2-snapshot-controller"};
  for (const auto& cni : config.list("cni")) charts.push_back("rke2-" + cni);
  if (config.list("cni").empty()) charts.emplace_back("rke2-canal");
  const auto disabled = config.list("disable");
  for (const auto& chart : charts)
    if (std::find(disabled.begin(), disabled.end(), chart) == disabled.end())
      api.put("/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts/" + chart,
              {{"spec", json::object{{"chart", chart}, {"bootstrap", true}}}});
}

}  // namespace

void run_manifests(const Config& config) {
  std::map<fs::path, std::string> known;
  bool charts = false;
  auto api = local_admin(config.layout());
  for (;; std::this_thread::sleep_for(std::chrono::seconds(2))) {
    try {
      if (!charts) deploy_charts(config, api);
      charts = true;
      std::error_code none;
      for (const auto& entry : fs::directory_iterator(config.layout().manifests(), none)) {
        const auto extension = entry.path().extension();
        if (extension != ".yaml" && extension != ".yml" && extension != ".json") continue;
        const auto text = sys::read_file(entry.path());
        if (known[entry.path()] == text) continue;
        deploy(api, entry.path(), text);
        known[entry.path()] = text;
      }
    } catch (const std::exception& problem) {
      journal::error("Failed to process config: {}", problem.what());
    }
  }
}

}  // namespace hlid::fake_rke2
