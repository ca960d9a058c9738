#include "cluster/cordon.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace hlid::cluster {
namespace {

// $1 kubectl, $2 kubeconfig, $3 node, $4 label to set or "", $5 seconds to drain or "".
constexpr std::string_view kPark = R"sh(# hlid:park
kubectl() { "$program" --kubeconfig "$config" "$@"; }
program=$1 config=$2
if [ -n "$4" ]; then
  kubectl --request-timeout=20s label node "$3" "$4" --overwrite || exit 3
fi
kubectl --request-timeout=20s cordon "$3" || exit 3
[ -n "$5" ] || exit 0
kubectl drain "$3" --ignore-daemonsets --delete-emptydir-data --force --timeout="$5s" || exit 4
)sh";

// $1 kubectl, $2 kubeconfig, $3 node, $4 key of the label. The label goes last: an interruption in between
// leaves it, and the next run uncordons again.
constexpr std::string_view kUnpark = R"sh(# hlid:unpark
program=$1 config=$2
kubectl() { "$program" --kubeconfig "$config" --request-timeout=20s "$@"; }
seen=$(kubectl get node "$3" -o json) || exit 1
case $seen in *"\"$4\""*) ;; *) exit 0 ;; esac
kubectl uncordon "$3" && kubectl label node "$3" "$4-"
)sh";

/// The lines of kubectl that say why; all of it when none does.
std::string reasons_in(const Ran& ran) {
  std::vector<std::string> said;
  for (const auto& line : split(ran.error_output + "\n" + ran.output, '\n')) {
    const auto text = trim(line);
    if (contains(text, "Cannot evict") || contains(text, "cannot evict") || text.starts_with("error") ||
        text.starts_with("Error"))
      if (std::find(said.begin(), said.end(), text) == said.end()) said.emplace_back(text);
  }
  if (said.empty()) said.emplace_back(trim(ran.error_output));
  if (said.size() > 6) said.erase(said.begin(), said.end() - 6);
  return join(said, "; ");
}

}  // namespace

std::string other_server(const model::ObservedCluster& observed, const std::string& except) {
  if (observed.answers && observed.answered_by != except) return observed.answered_by;
  for (const auto& machine : observed.machines)
    if (machine.machine != except && machine.reachable && machine.supervisor) return machine.machine;
  throw Error(Errc::precondition, "no server{} answers for the cluster",
              except.empty() ? "" : " other than '" + except + "'")
      .with_hint("hlid status shows the first broken link of each server");
}

void park(const Site& site, Guest& server, const model::ObservedNodeObject& node, bool drain,
          std::chrono::seconds timeout) {
  const auto& traits = traits_of(site.wanted().distribution);
  const bool ours = !node.cordoned || node.labels.count(kParkedLabel) > 0;
  site.phase(drain ? "moving pods away" : "closed to new pods");
  const auto seconds =
      std::chrono::seconds(static_cast<long>(static_cast<double>(timeout.count()) * site.patience));
  const auto ran = server.run(
      kPark,
      {std::string(traits.kubectl), std::string(traits.kubeconfig), node.name,
       ours ? std::string(kParkedLabel) + "=true" : "", drain ? std::to_string(seconds.count()) : ""},
      seconds + std::chrono::seconds(90));
  if (ran.ok()) return;
  if (ran.status == 4)
    throw Error(Errc::timeout, "the pods of '{}' did not leave it within {} s: {}", node.name,
                seconds.count(), reasons_in(ran))
        .with_hint("let the disruption budget allow one pod less, or ask again without draining");
  throw Error(Errc::failed, "cannot cordon Node '{}': {}", node.name, reasons_in(ran));
}

void unpark(const Site& site, Guest& server, const std::string& node) {
  const auto& traits = traits_of(site.wanted().distribution);
  const auto ran =
      server.run(kUnpark, {std::string(traits.kubectl), std::string(traits.kubeconfig), node, kParkedLabel});
  if (!ran.ok()) throw Error(Errc::failed, "cannot uncordon Node '{}': {}", node, reasons_in(ran));
}

bool has_refuge(const model::ObservedCluster& observed, const std::string& node) {
  return std::any_of(observed.nodes.begin(), observed.nodes.end(),
                     [&](const auto& other) { return other.name != node && other.ready && !other.cordoned; });
}

}  // namespace hlid::cluster
