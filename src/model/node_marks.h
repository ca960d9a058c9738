#pragma once
#include <map>
#include <string>
#include <vector>

#include "model/observed_cluster.h"

/// Labels and taints of a Node: which of them are ours, and what must change while everything runs. A label
/// or taint that somebody else has set (the distribution, an operator, the operator's tools) is never
/// touched: ours are those that the file names now and those that an annotation of the Node says we have set
/// before.
namespace hlid::model {

/// Annotation of a Node with the keys that hlid has set: {"labels": ["tier"], "taints": ["gpu:NoSchedule"]}.
inline constexpr const char* kOwnedAnnotation = "hlid/owned";

/// Label of Nodes that hlid cordoned, so that one that was cordoned by somebody else stays so, and a run that
/// follows an interrupted one knows what to undo.
inline constexpr const char* kParkedLabel = "hlid.dev/parked";

/// "key=value:Effect" apart. Two taints are the same one when key and effect agree (Kubernetes, core/v1
/// Taint); the value is what changes.
struct TaintParts {
  std::string key, value, effect;
  std::string identity() const { return key + ":" + effect; }
};
/// Never fails: without a ':' all of it is the key.
TaintParts split_taint(const Taint& taint);

/// What must be done to one Node. Live: nothing restarts. A NoExecute taint, though, evicts pods.
struct MarkChange {
  std::map<std::string, std::string> set_labels;  ///< new ones and those with another value
  std::vector<std::string> remove_labels;         ///< keys
  std::vector<Taint> set_taints;
  std::vector<std::string> remove_taints;  ///< "key:Effect"
  std::string owned;                       ///< new value of the annotation
  bool record = false;                     ///< it differs from what the Node has

  /// One line each, for plans: "label tier=db (was web)", "taint gpu:NoSchedule removed".
  std::vector<std::string> reasons;

  bool empty() const {
    return set_labels.empty() && remove_labels.empty() && set_taints.empty() && remove_taints.empty() &&
           !record;
  }
};

/// From the Node as it is to what the file says. Doing it and diffing again gives an empty change.
MarkChange diff_marks(const Machine& wanted, const ObservedNodeObject& node);

/// Whether a kubelet may set this label on its own Node at registration (Kubernetes,
/// pkg/kubelet/apis/well_known_labels.go); one that may not makes it exit. Such labels are set afterwards, by
/// diff_marks.
bool kubelet_may_set(const std::string& label_key);

/// Labels that the kubelet or the distribution sets on every Node from what it is: role, host name, system.
bool is_set_by_cluster(const std::string& label_key);

}  // namespace hlid::model
