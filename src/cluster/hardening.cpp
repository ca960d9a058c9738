#include "cluster/hardening.h"

#include "base/error.h"
#include "base/text.h"
#include "cluster/place.h"

namespace hlid::cluster {
namespace {

constexpr std::string_view kModulesPath = "/etc/modules-load.d/hlid-kubernetes.conf";
constexpr std::string_view kSysctlPath = "/etc/sysctl.d/60-hlid-kubernetes.conf";
constexpr std::string_view kCisPath = "/etc/sysctl.d/60-rke2-cis.conf";

constexpr std::string_view kModules =
    "# Written by hlid: for the pods' network.\noverlay\nbr_netfilter\nnf_conntrack\n";

// Pods' packets are forwarded; every pod watches its configuration (docs.rke2.io/known_issues, "inotify").
constexpr std::string_view kSysctls =
    "# Written by hlid: for Kubernetes.\n"
    "net.ipv4.conf.all.forwarding = 1\n"
    "net.ipv6.conf.all.forwarding = 1\n"
    "fs.inotify.max_user_instances = 8192\n"
    "fs.inotify.max_user_watches = 524288\n";

// Arguments: ROOT ROLE PROFILE CIS-FILE-OF-THE-RELEASE. Values are written straight to /proc/sys, and only
// those that differ: sysctl(8) may be missing, and `sysctl --system` would undo what the pods' network set.
constexpr std::string_view kScript = R"sh(# hlid:prepare
set -u
root=$1 role=$2 profile=$3 source=$4
fail() {
  printf '%s: %s\n' "$1" "$2" >&2
  exit 9
}
apply() { # FILE NEEDED: writes each "key = value"; NEEDED=yes: a value that is not taken is an error
  while IFS='=' read -r key value; do
    key=$(printf '%s' "$key" | tr -d '[:blank:]')
    value=$(printf '%s' "$value" | sed 's/^[[:blank:]]*//; s/[[:blank:]]*$//')
    case $key in '' | '#'* | ';'*) continue ;; esac
    file=$root/proc/sys/$(printf '%s' "${key#-}" | tr . /)
    there=$(cat "$file" 2>/dev/null || echo 'not known to the kernel')
    [ "$there" != "$value" ] || continue
    if [ -e "$file" ]; then
      printf '%s\n' "$value" >"$file"
      there=$(cat "$file")
    fi
    [ "$2" != yes ] || [ "$there" = "$value" ] || fail sysctl "$key is $there, must be $value"
  done <"$1"
}
if command -v modprobe >/dev/null; then
  for module in overlay br_netfilter nf_conntrack; do modprobe -q "$module"; done
fi
apply "$root/etc/sysctl.d/60-hlid-kubernetes.conf" no
[ "$profile" = cis ] || exit 0
[ -f "$source" ] || fail missing "$source"
target=$root/etc/sysctl.d/60-rke2-cis.conf
if ! cmp -s "$source" "$target"; then
  { cp "$source" "$target.hlid-new" && chmod 0644 "$target.hlid-new" && sync "$target.hlid-new" &&
    mv -f "$target.hlid-new" "$target"; } || fail failed "cannot write $target"
fi
apply "$target" yes
[ "$role" = server ] || exit 0
# NSS alone does not count: the distribution reads the two files itself
if ! grep -q '^etcd:' "$root/etc/group"; then
  groupadd -r etcd || fail failed "cannot add the group etcd"
fi
if ! grep -q '^etcd:' "$root/etc/passwd"; then
  useradd -r -c 'etcd user' -s /sbin/nologin -M -g etcd etcd || fail failed "cannot add the user etcd"
fi
exit 0
)sh";

}  // namespace

std::vector<std::string_view> host_setting_paths() {
  return {kModulesPath, kSysctlPath, kCisPath};
}

std::string_view prepare_script() {
  return kScript;
}

std::vector<std::string> prepare_arguments(const model::Cluster& cluster, model::Role role,
                                           std::string_view prefix, std::string_view root) {
  return {std::string(root), role == model::Role::server ? "server" : "agent", cluster.profile,
          std::string(root) + std::string(prefix) + "/share/rke2/rke2-cis-sysctl.conf"};
}

void prepare_host(Guest& guest, const model::Cluster& cluster, model::Role role, std::string_view prefix) {
  place_files(guest, {{std::string(kModulesPath), std::string(kModules), "0644"},
                      {std::string(kSysctlPath), std::string(kSysctls), "0644"}});
  const Ran ran = guest.run(kScript, prepare_arguments(cluster, role, prefix));
  if (ran.ok()) return;
  const auto words = std::string(trim(ran.error_output));
  if (words.substr(0, 9) == "missing: ")
    throw Error(Errc::precondition, "'{}': profile cis: the release has no '{}'", guest.name(),
                words.substr(9))
        .with_hint("is the release complete? hlid up installs it");
  if (contains(words, "sysctl: "))
    throw Error(Errc::precondition, "'{}': profile cis: {}", guest.name(), words)
        .with_hint("the distribution does not start with another value; look at what sets it");
  throw Error(Errc::failed, "'{}': the host's settings: {}", guest.name(),
              words.empty() ? "no reason given" : words);
}

}  // namespace hlid::cluster
