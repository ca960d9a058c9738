#include "model/observed_cluster.h"

#include <algorithm>

namespace hlid::model {
namespace {

template <typename List, typename Matches>
auto* first(const List& list, Matches matches) {
  const auto found = std::find_if(list.begin(), list.end(), matches);
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

const ObservedClusterMachine* ObservedCluster::machine(const std::string& name) const {
  return first(machines, [&](const auto& one) { return one.machine == name; });
}

const ObservedNodeObject* ObservedCluster::node(const std::string& name) const {
  return first(nodes, [&](const auto& one) { return one.name == name; });
}

const ObservedEtcdMember* ObservedCluster::member_of(const std::string& node) const {
  return first(members, [&](const auto& one) { return one.node == node; });
}

int ObservedCluster::voters() const {
  return static_cast<int>(std::count_if(members.begin(), members.end(),
                                        [](const auto& one) { return one.voting == Voting::voter; }));
}

}  // namespace hlid::model
