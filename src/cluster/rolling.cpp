#include "cluster/rolling.h"

#include <algorithm>

#include "cluster/cordon.h"
#include "cluster/reconfigure.h"

namespace hlid::cluster {
namespace {

int rank(const model::ObservedCluster& observed, const std::string& name) {
  if (!is_ready(observed, name)) return 0;
  if (observed.node(name)->labels.count(kParkedLabel) > 0) return 1;
  const auto* member = observed.member_of(name);
  return member && member->leader ? 3 : 2;
}

}  // namespace

bool is_ready(const model::ObservedCluster& observed, const std::string& name) {
  const auto* node = observed.node(name);
  const auto* machine = observed.machine(name);
  return node && node->ready && (!machine || machine->active);
}

std::vector<std::string> one_after_the_other(const model::ObservedCluster& observed,
                                             std::vector<std::string> names) {
  std::stable_sort(names.begin(), names.end(), [&](const auto& one, const auto& other) {
    return rank(observed, one) < rank(observed, other);
  });
  return names;
}

std::vector<std::vector<std::string>> in_batches(const std::vector<std::string>& names, int width) {
  std::vector<std::vector<std::string>> batches;
  for (const auto& name : names) {
    if (batches.empty() || batches.back().size() >= static_cast<std::size_t>(std::max(1, width)))
      batches.emplace_back();
    batches.back().push_back(name);
  }
  return batches;
}

std::vector<std::vector<std::string>> rolling_order(const model::Homelab& lab,
                                                    const model::ObservedCluster& observed,
                                                    const std::vector<std::string>& changed) {
  const auto of_role = [&](model::Role role) {
    std::vector<std::string> names;
    for (const auto& machine : lab.machines)
      if (machine.role == role && std::find(changed.begin(), changed.end(), machine.name) != changed.end())
        names.push_back(machine.name);
    return one_after_the_other(observed, names);
  };
  auto order = in_batches(of_role(model::Role::server), 1);
  for (auto& batch : in_batches(of_role(model::Role::agent), lab.cluster ? lab.cluster->max_unavailable : 1))
    order.push_back(std::move(batch));
  return order;
}

}  // namespace hlid::cluster
