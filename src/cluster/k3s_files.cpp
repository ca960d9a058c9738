#include "cluster/install_script.h"

// K3s is one program; its documentation (docs.k3s.io, "Air-Gap Install", "Uninstalling", "Stopping") says
// what units and scripts around it do.
namespace hlid::cluster {

const std::string_view kK3sFilesScript = R"sh(
k3s_unit() {
  cat <<END
[Unit]
Description=Lightweight Kubernetes ($1)
Documentation=https://docs.k3s.io
Wants=network-online.target
After=network-online.target

[Service]
Type=$2
EnvironmentFile=-/etc/default/%N
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=${prefix#"$root"}/bin/k3s $1

[Install]
WantedBy=multi-user.target
END
}

k3s_killall() {
  echo '#!/bin/sh'
  cat <<'END'
# Ends K3s with everything that runs in its pods.
[ "$(id -u)" -eq 0 ] || { echo "$0 needs root" >&2; exit 1; }
data=/var/lib/rancher/k3s
systemctl stop k3s k3s-agent 2>/dev/null

with_children() {
  echo "$1"
  for task in /proc/"$1"/task/*; do
    tr ' ' '\n' 2>/dev/null <"$task/children" | while read -r child; do with_children "$child"; done
  done
}

for process in /proc/[0-9]*; do
  case $(readlink "$process/exe") in
    "$data"/data/*/bin/containerd-shim*) with_children "${process#/proc/}" ;;
  esac
done | sort -u | xargs -r kill -9 2>/dev/null

for base in /run/k3s /var/lib/kubelet/pods /var/lib/kubelet/plugins /run/netns/cni-; do
  cut -d ' ' -f 2 /proc/mounts | sort -r | while read -r mounted; do
    case $mounted in "$base"*) umount -l "$mounted" ;; esac
  done
done
for space in /run/netns/cni-*; do
  [ ! -e "$space" ] || ip netns delete "${space##*/}"
done
for path in /sys/class/net/veth* /sys/class/net/*; do
  link=${path##*/}
  case $link in
    cni0 | kube-ipvs0 | flannel.1 | flannel-v6.1 | flannel-wg | flannel-wg-v6) ip link delete "$link" ;;
    veth*) [ "$(basename "$(readlink "$path/master")")" != cni0 ] || ip link delete "$link" ;;
  esac
done
rm -rf /var/lib/cni
for tables in iptables ip6tables; do
  command -v "$tables-save" >/dev/null || continue
  "$tables-save" | grep -v -E 'KUBE-|CNI-|[Ff][Ll][Aa][Nn][Nn][Ee][Ll]' | "$tables-restore"
done
exit 0
END
}

k3s_uninstall() {
  echo '#!/bin/sh'
  cat <<'END'
# Removes K3s and all its data from this machine.
[ "$(id -u)" -eq 0 ] || { echo "$0 needs root" >&2; exit 1; }
/usr/local/bin/k3s-killall.sh
systemctl disable k3s k3s-agent 2>/dev/null
rm -f /usr/local/lib/systemd/system/k3s.service /usr/local/lib/systemd/system/k3s-agent.service
rm -f /etc/systemd/system/k3s.service /etc/systemd/system/k3s-agent.service
systemctl daemon-reload
systemctl reset-failed k3s k3s-agent 2>/dev/null
rm -rf /etc/rancher/k3s /etc/rancher/node /run/k3s /run/flannel /var/lib/kubelet /var/lib/rancher/k3s
rmdir /etc/rancher /var/lib/rancher 2>/dev/null
rm -f /usr/local/bin/k3s /usr/local/bin/k3s-killall.sh /usr/local/bin/k3s-uninstall.sh
exit 0
END
}

k3s_files() {
  write_or_fail mkdir -p "$stage/lib/systemd/system"
  k3s_unit server notify >"$stage/lib/systemd/system/k3s.service"
  k3s_unit agent exec >"$stage/lib/systemd/system/k3s-agent.service"
  k3s_killall >"$stage/bin/k3s-killall.sh"
  k3s_uninstall >"$stage/bin/k3s-uninstall.sh"
  chmod 0755 "$stage/bin/k3s-killall.sh" "$stage/bin/k3s-uninstall.sh"
}
)sh";

}  // namespace hlid::cluster
