#include "model/node_marks.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace hlid::model {
namespace {

/// Keys that the annotation names. One that cannot be read says nothing: then only what the file names is
/// ours, and writing it anew mends it.
struct Owned {
  std::set<std::string> labels, taints;
};

std::set<std::string> strings_of(const json::object& object, std::string_view key) {
  std::set<std::string> out;
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& item : value->get_array())
    if (item.is_string()) out.emplace(item.get_string());
  return out;
}

Owned parse_owned(const std::string& text) {
  if (text.empty()) return {};
  try {
    const auto value = parse_json(text, kOwnedAnnotation);
    if (!value.is_object()) return {};
    return {strings_of(value.get_object(), "labels"), strings_of(value.get_object(), "taints")};
  } catch (const Error&) {
    return {};
  }
}

json::array array_of(const std::set<std::string>& keys) {
  json::array out;
  for (const auto& key : keys) out.emplace_back(json::string(key));
  return out;
}

std::string render_owned(const Owned& owned) {
  if (owned.labels.empty() && owned.taints.empty()) return {};
  return to_text(json::object{{"labels", array_of(owned.labels)}, {"taints", array_of(owned.taints)}});
}

std::string shown(const std::string& key, const std::string& value) {
  return value.empty() ? key : fmt::format("{}={}", key, value);
}

void diff_labels(const Machine& wanted, const ObservedNodeObject& node, const Owned& before,
                 MarkChange& change) {
  for (const auto& [key, value] : wanted.labels) {
    const auto there = node.labels.find(key);
    if (there != node.labels.end() && there->second == value) continue;
    change.set_labels.emplace(key, value);
    const auto was = there == node.labels.end() ? std::string() : fmt::format(" (was '{}')", there->second);
    change.reasons.push_back(fmt::format("label {}{}", shown(key, value), was));
  }
  for (const auto& key : before.labels) {
    if (wanted.labels.count(key) != 0 || node.labels.count(key) == 0) continue;
    change.remove_labels.push_back(key);
    change.reasons.push_back(fmt::format("label {} removed", key));
  }
}

void diff_taints(const Machine& wanted, const ObservedNodeObject& node, const Owned& before,
                 const Owned& after, MarkChange& change) {
  std::map<std::string, TaintParts> there;
  for (const auto& taint : node.taints) there.emplace(split_taint(taint).identity(), split_taint(taint));
  for (const auto& taint : wanted.taints) {
    const auto parts = split_taint(taint);
    const auto known = there.find(parts.identity());
    if (known != there.end() && known->second.value == parts.value) continue;
    change.set_taints.push_back(taint);
    const auto was = known == there.end() ? std::string() : fmt::format(" (was '{}')", known->second.value);
    change.reasons.push_back(fmt::format("taint {}{}", taint, was));
  }
  for (const auto& identity : before.taints) {
    if (after.taints.count(identity) != 0 || there.count(identity) == 0) continue;
    change.remove_taints.push_back(identity);
    change.reasons.push_back(fmt::format("taint {} removed", identity));
  }
}

}  // namespace

TaintParts split_taint(const Taint& taint) {
  TaintParts parts;
  const auto colon = taint.rfind(':');
  const auto head = taint.substr(0, colon);
  const auto equals = head.find('=');
  parts.key = head.substr(0, equals);
  if (equals != std::string::npos) parts.value = head.substr(equals + 1);
  if (colon != std::string::npos) parts.effect = taint.substr(colon + 1);
  return parts;
}

MarkChange diff_marks(const Machine& wanted, const ObservedNodeObject& node) {
  MarkChange change;
  const Owned before = parse_owned(node.owned);
  Owned after;
  for (const auto& [key, value] : wanted.labels) after.labels.insert(key);
  for (const auto& taint : wanted.taints) after.taints.insert(split_taint(taint).identity());
  diff_labels(wanted, node, before, change);
  diff_taints(wanted, node, before, after, change);
  change.owned = render_owned(after);
  change.record = change.owned != node.owned;
  return change;
}

bool kubelet_may_set(const std::string& label_key) {
  const auto slash = label_key.find('/');
  if (slash == std::string::npos) return true;
  const auto space = label_key.substr(0, slash);
  const auto within = [&](const std::string& domain) {
    return space == domain ||
           (space.size() > domain.size() && space.substr(space.size() - domain.size() - 1) == "." + domain);
  };
  if (!within("kubernetes.io") && !within("k8s.io")) return true;
  if (within("kubelet.kubernetes.io") || within("node.kubernetes.io")) return true;
  static const std::set<std::string> kAllowed{"kubernetes.io/hostname",
                                              "kubernetes.io/os",
                                              "kubernetes.io/arch",
                                              "beta.kubernetes.io/os",
                                              "beta.kubernetes.io/arch",
                                              "beta.kubernetes.io/instance-type",
                                              "topology.kubernetes.io/zone",
                                              "topology.kubernetes.io/region",
                                              "failure-domain.beta.kubernetes.io/zone",
                                              "failure-domain.beta.kubernetes.io/region"};
  return kAllowed.count(label_key) != 0;
}

bool is_set_by_cluster(const std::string& label_key) {
  static const std::set<std::string> kTheirs{"node-role.kubernetes.io/control-plane",
                                             "node-role.kubernetes.io/master",
                                             "node-role.kubernetes.io/etcd",
                                             "kubernetes.io/hostname",
                                             "kubernetes.io/os",
                                             "kubernetes.io/arch",
                                             "beta.kubernetes.io/os",
                                             "beta.kubernetes.io/arch",
                                             "beta.kubernetes.io/instance-type",
                                             "node.kubernetes.io/instance-type"};
  return kTheirs.count(label_key) != 0;
}

}  // namespace hlid::model
