#include "cluster/erase.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "cluster/probe.h"
#include "cluster/shell.h"

namespace hlid::cluster {
namespace {

using std::chrono::seconds;

// The password goes first: if this ends half-way, the Node is still there to tell the next run. RKE2's
// controller finds the etcd member by the Node's annotations, so the member goes with it. Prints the member
// list, as the supervisor gives it.
constexpr std::string_view kErase = R"sh(
kubectl=$1 kubeconfig=$2 data=$3 port=$4 node=$5
lose() {
  words=$(kube "$@" 2>&1) && return
  case $words in *NotFound*) ;; *) printf '%s\n' "$words" >&2; exit 1 ;; esac
}
lose -n kube-system delete secret "$node.node-password.$6"
lose delete node "$node"
web "$data/server/tls/server-ca.crt" "$data/server/token" members "https://127.0.0.1:$port/db/info"
)sh";

// etcdctl is only inside etcd's image; K3s has none, there etcd's own controller is all there is.
constexpr std::string_view kEvict = R"sh(
data=$1 member=$2
crictl() { "$data/bin/crictl" --config "$data/agent/etc/crictl.yaml" "$@"; }
[ -x "$data/bin/crictl" ] || { echo "no crictl on this machine" >&2; exit 1; }
container=$(crictl ps -q --name '^etcd$' --state Running | head -n 1)
[ -n "$container" ] || { echo "no etcd container runs on this machine" >&2; exit 1; }
tls=$data/server/tls/etcd
crictl exec "$container" etcdctl --command-timeout=15s --endpoints https://127.0.0.1:2379 \
  --cacert "$tls/server-ca.crt" --cert "$tls/server-client.crt" --key "$tls/server-client.key" \
  member remove "$member" >&2
)sh";

/// How long RKE2's controller may take before the member is removed by hand. It acts within seconds, but
/// waits out an election (up to 10 s) like everybody.
constexpr seconds kGhostAfter{30};
constexpr seconds kDeadline{180};

struct Erased {
  std::vector<model::ObservedEtcdMember> left;  ///< etcd members that still have the name
  std::string trouble;                          ///< why it is not known what is left; empty: it is
};

Erased erase_once(const Site& site, Guest& through, const std::string& node) {
  static const std::string text = script("erase", {kShellWeb, kShellKube, kErase});
  const auto& traits = traits_of(site.wanted().distribution);
  const std::vector<std::string> arguments{std::string(traits.kubectl),
                                           std::string(traits.kubeconfig),
                                           std::string(traits.data),
                                           std::to_string(traits.supervisor_port),
                                           node,
                                           std::string(traits.name)};
  try {
    const auto ran = through.run(
        text, arguments, std::chrono::duration_cast<std::chrono::milliseconds>(seconds(60) * site.patience));
    if (!ran.ok()) return {{}, std::string(trim(ran.error_output))};
    const auto answer = parse_web(ran.output)["members"];
    if (!answer.ok) return {{}, "etcd does not give its member list"};
    Erased erased{parse_members(answer.body), ""};
    std::erase_if(erased.left, [&](const auto& member) { return member.node != node; });
    return erased;
  } catch (const Error& error) {  // an election, a reboot: asked again until the deadline
    if (error.code() == Errc::interrupted) throw;
    return {{}, error.what()};
  }
}

/// By its id. Removing during an election times out and is harmless: the caller comes again. What was said
/// when it did not work, for the message.
std::string evict(const Site& site, Guest& through, const model::ObservedEtcdMember& member) {
  static const std::string text = script("evict", {kEvict});
  site.phase("removing the etcd member " + member.name);
  const auto& traits = traits_of(site.wanted().distribution);
  try {
    const auto ran = through.run(text, {std::string(traits.data), member.id}, seconds(60));
    return ran.ok() ? "" : fmt::format(" ({})", trim(ran.error_output));
  } catch (const Error& error) {
    if (error.code() == Errc::interrupted) throw;
    return fmt::format(" ({})", error.what());
  }
}

}  // namespace

void erase_node(const Site& site, Guest& through, const std::string& node) {
  site.phase("forgetting the old " + node);
  const auto start = site.clock.now();
  while (true) {
    auto erased = erase_once(site, through, node);
    if (erased.trouble.empty() && erased.left.empty()) return;
    const auto waited = site.clock.now() - start;
    std::string because = erased.trouble;
    if (because.empty()) {
      const auto& member = erased.left.front();
      because = fmt::format("the etcd member {} is still listed", member.name);
      if (waited >= kGhostAfter * site.patience) because += evict(site, through, member);
    }
    if (waited >= kDeadline * site.patience)
      throw Error(Errc::timeout, "the cluster does not forget '{}', asked on '{}': {}", node, through.name(),
                  because)
          .with_hint("hlid status; every other member must be up before etcd removes one");
    if (!site.clock.sleep(seconds(1), site.stop)) throw Error(Errc::interrupted, "stopped");
  }
}

}  // namespace hlid::cluster
