#include "cluster/config.h"
#include "cluster/probe.h"
#include "cluster/shell.h"

namespace hlid::cluster {
namespace {

// "key value" lines; values that may be long or have line ends in base64. What is not there has no line.
constexpr std::string_view kProbe = R"sh(
name=$1 data=$2 config=$3 program=$4 port=$5 address=$6 vip=$7 applied=$8 identity=$9
shift 9
say() { [ -z "$2" ] || printf '%s %s\n' "$1" "$2"; }
version_of() { timeout 20 "$1" --version 2>/dev/null | sed -n "1s/^$name version \([^ ]*\).*/\1/p"; }
has_address() { awk -v wanted="$1" '$2 == wanted { hit = 1; next } hit && /host LOCAL/ { print "yes"; exit }
  { hit = 0 }' /proc/net/fib_trie; }

say boot "$(cat /proc/sys/kernel/random/boot_id)"
say clock "$(date +%s)"
say address "$(has_address "$address")"
[ -z "$vip" ] || say vip "$(has_address "$vip")"

pid=0
state=$(units "$@")
printf '%s\n' "$state"
pid=$(printf '%s\n' "$state" | awk '$6 > 0 { print $6; exit }')
installed=
[ ! -x "$program" ] || installed=$(version_of "$program")
say installed "$installed"
if [ -n "$pid" ]; then
  if [ "$(readlink "/proc/$pid/exe")" = "$program" ]; then say running "$installed"
  else say running "$(version_of "/proc/$pid/exe")"; fi
fi

[ ! -d "$data/server/db/etcd/member/wal" ] || say datastore yes
[ ! -s "$data/server/db/etcd/name" ] || say etcd-name "$(head -n 1 "$data/server/db/etcd/name")"
for ca in "$data/server/tls/server-ca.crt" "$data/agent/server-ca.crt"; do
  [ ! -s "$ca" ] || { say ca "$(sha256sum <"$ca" | cut -d' ' -f1)"; break; }
done
[ ! -s "$identity" ] || say password yes
say server-url "$(cat "$config" "$config".d/*.yaml "$config".d/*.yml 2>/dev/null |
  sed -n 's/^server: *//p' | tail -n 1 | tr -d "\"'")"
[ ! -f "$applied" ] || say applied "$(base64 -w0 <"$applied")"
[ ! -f "$config.d/10-hlid.yaml" ] || say drop-in "$(base64 -w0 <"$config.d/10-hlid.yaml")"
for file in server/tls/client-admin.crt server/tls/serving-kube-apiserver.crt server/tls/client-kube-apiserver.crt \
  server/tls/etcd/server-client.crt server/tls/etcd/peer-server-client.crt agent/client-kubelet.crt \
  agent/serving-kubelet.crt; do
  [ ! -s "$data/$file" ] || say certificate "$(sed '/-END CERTIFICATE-/q' "$data/$file" | base64 -w0)"
done

if [ -n "$pid" ] && [ -s "$data/server/token" ]; then
  web "$data/server/tls/server-ca.crt" "$data/server/token" \
    readyz "https://127.0.0.1:$port/v1-$name/readyz" \
    members "https://127.0.0.1:$port/db/info" \
    etcd_server_is_leader http://127.0.0.1:2381/metrics
fi
exit 0
)sh";

}  // namespace

std::string_view probe_script() {
  static const std::string text = script("probe", {kShellWeb, kShellUnits, kProbe});
  return text;
}

std::vector<std::string> probe_arguments(const model::Homelab& lab, const model::Machine& machine) {
  const auto& traits = traits_of(lab.cluster->distribution);
  return {std::string(traits.name),
          std::string(traits.data),
          std::string(traits.config),
          std::string(traits.program),
          std::to_string(traits.supervisor_port),
          to_string(machine.address.address),
          lab.cluster->vip ? to_string(*lab.cluster->vip) : "",
          applied_path(lab.cluster->distribution),
          "/etc/rancher/node/password",
          std::string(traits.server_unit),
          std::string(traits.agent_unit)};
}

}  // namespace hlid::cluster
