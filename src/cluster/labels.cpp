#include "cluster/labels.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cluster/traits.h"

namespace hlid::cluster {
namespace {

// Arguments: KUBECTL KUBECONFIG NODE OWNED, then what kubectl label takes, "--" and what kubectl taint takes.
constexpr std::string_view kScript = R"sh(# hlid:marks
set -eu
kubectl=$1 node=$3 owned=$4
KUBECONFIG=$2
export KUBECONFIG
shift 4
k() { "$kubectl" --request-timeout=20s "$@" >/dev/null; }
verb=label
while [ $# -gt 0 ]; do
  if [ "$1" = -- ]; then
    verb=taint
  else
    k $verb node "$node" --overwrite "$1"
  fi
  shift
done
[ -z "$owned" ] || k annotate node "$node" --overwrite "$owned"
)sh";

}  // namespace

void apply_marks(Guest& server, const std::string& distribution, const std::string& node,
                 const model::MarkChange& change) {
  if (change.empty()) return;
  const auto& traits = traits_of(distribution);
  const std::string name = model::kOwnedAnnotation;
  const auto owned = !change.record ? "" : change.owned.empty() ? name + "-" : name + "=" + change.owned;
  std::vector<std::string> arguments{std::string(traits.kubectl), std::string(traits.kubeconfig), node,
                                     owned};
  for (const auto& [key, value] : change.set_labels) arguments.push_back(fmt::format("{}={}", key, value));
  for (const auto& key : change.remove_labels) arguments.push_back(key + "-");
  arguments.emplace_back("--");
  for (const auto& taint : change.set_taints) arguments.push_back(taint);
  for (const auto& identity : change.remove_taints) arguments.push_back(identity + "-");
  const Ran ran = server.run(kScript, arguments, std::chrono::minutes(3));
  if (ran.ok()) return;
  const auto words = std::string(trim(ran.error_output));
  if (contains(words, "NotFound"))
    throw Error(Errc::not_found, "the cluster has no node '{}'", node)
        .with_hint("hlid status shows what keeps the machine from joining");
  throw Error(Errc::failed, "cannot label node '{}': {}", node, words.empty() ? "no reason given" : words);
}

}  // namespace hlid::cluster
