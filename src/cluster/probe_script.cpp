#include "cluster/config.h"
#include "cluster/probe.h"
#include "cluster/shell.h"

namespace hlid::cluster {
namespace {

// Few processes, because each takes a tenth of a second under emulation: the shell's own commands where there
// is one, one awk(1) for all files, one curl(1) for all questions. "key value" lines; files as "@ path" and
// their lines after a blank; last "web" and what web prints. Of configurations that may hold secrets only
// `server:` is shown.
constexpr std::string_view kProbe = R"sh(
name=$1 data=$2 config=$3 program=$4 port=$5 applied=$6 identity=$7
shift 7
# version FILE: sets found. Asking a program of this size takes seconds under emulation, so what it said is kept for the
# same file (until the next boot).
version() {
  found='' key=$(stat -Lc '%d-%i-%Y-%s' "$1" 2>/dev/null) || return 0
  kept=${applied%/*}/hlid-version-$key
  if [ -s "$kept" ]; then read -r found <"$kept" && return; fi
  read -r first second found _ <<END
$(timeout 20 "$1" --version 2>/dev/null)
END
  if [ "$first $second" != "$name version" ]; then found=''; fi
  [ -z "$found" ] || { printf '%s\n' "$found" >"$kept"; } 2>/dev/null
}

read -r boot </proc/sys/kernel/random/boot_id
printf 'boot %s\nclock %s\n' "$boot" "$(date +%s)"
state=$(units "$@")
printf '%s\n' "$state"
pid=
while read -r _ _ _ _ _ main _; do
  if [ "${main:-0}" != 0 ]; then pid=$main; fi
done <<END
$state
END
if [ -x "$program" ]; then
  version "$program"
  printf 'installed %s\n' "$found"
fi
if [ -n "$pid" ]; then
  version "/proc/$pid/exe"
  printf 'running %s\n' "$found"
fi
stat -f -c 'free %a %S' "$data" 2>/dev/null
if [ -d "$data/server/db/etcd/member/wal" ]; then echo datastore yes; fi
if [ -s "$identity" ]; then echo password yes; fi

set --
for file in "$data/server/db/etcd/name" "$data/server/tls/server-ca.crt" "$data/agent/server-ca.crt" "$applied" \
  "$config" "$config".d/*.yaml "$config".d/*.yml \
  "$data/server/tls/client-admin.crt" "$data/server/tls/serving-kube-apiserver.crt" \
  "$data/server/tls/client-kube-apiserver.crt" "$data/server/tls/etcd/server-client.crt" \
  "$data/server/tls/etcd/peer-server-client.crt" "$data/agent/client-kubelet.crt" "$data/agent/serving-kubelet.crt"; do
  if [ -s "$file" ]; then set -- "$@" "$file"; fi
done
awk -v config="$config" -v own="$config.d/10-hlid.yaml" '
  FILENAME == "/proc/net/fib_trie" { if (/host LOCAL/) print "local " last; last = $2; next }
  FNR == 1 { print "@ " FILENAME; done = 0 }
  index(FILENAME, config) == 1 && FILENAME != own && !/^server:/ { next }
  done { next }
  { print " " $0 }
  /-END CERTIFICATE-/ && FILENAME !~ /-ca\.crt$/ { done = 1 }
' /proc/net/fib_trie "$@"

if [ -n "$pid" ] && [ -s "$data/server/token" ]; then
  echo web
  web "$data/server/tls/server-ca.crt" "$data/server/token" \
    readyz "https://127.0.0.1:$port/v1-$name/readyz" \
    members "https://127.0.0.1:$port/db/info" \
    health http://127.0.0.1:2381/health \
    metrics http://127.0.0.1:2381/metrics | awk '/^etcd_server_is_leader / || !/^(#|[a-z_]+[{ ])/'
fi
exit 0
)sh";

}  // namespace

std::string_view probe_script() {
  static const std::string text = script("probe", {kShellWeb, kShellUnits, kProbe});
  return text;
}

std::vector<std::string> probe_arguments(const model::Homelab& lab) {
  const auto& traits = traits_of(lab.cluster->distribution);
  return {std::string(traits.name),
          std::string(traits.data),
          std::string(traits.config),
          std::string(traits.program),
          std::to_string(traits.supervisor_port),
          applied_path(lab.cluster->distribution),
          "/etc/rancher/node/password",
          std::string(traits.server_unit),
          std::string(traits.agent_unit)};
}

}  // namespace hlid::cluster
