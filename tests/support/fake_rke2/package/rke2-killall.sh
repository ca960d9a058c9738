#!/bin/sh
# Ends everything that rke2 started on this machine: services, the processes under shims, mounts, static pods.
[ "$(id -u)" = 0 ] || { echo "rke2-killall.sh must be run as root" >&2; exit 1; }
data=${RKE2_DATA_DIR:-/var/lib/rancher/rke2}

for unit in rke2-server rke2-agent; do
  if command -v systemctl >/dev/null 2>&1; then systemctl stop "$unit.service" 2>/dev/null; fi
done

# Children first: a process and all below it.
tree() {
  while read -r child; do [ -z "$child" ] || tree "$child"; done <<EOF
$(tr ' ' '\n' <"/proc/$1/task/$1/children" 2>/dev/null)
EOF
  echo "$1"
}
for process in /proc/[0-9]*; do
  pid=${process#/proc/}
  words=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
  case $words in
    "$data"/data/*/bin/containerd-shim-fake\ *)
      for one in $(tree "$pid"); do kill -KILL "$one" 2>/dev/null; done ;;
  esac
done

awk -v data="$data" '$2 ~ "^/run/k3s" || $2 ~ "^" data || $2 ~ "^/var/lib/kubelet/pods" {print $2}' /proc/self/mounts |
  sort -r | while read -r mount; do umount "$mount" 2>/dev/null; done

for pod in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy cloud-controller-manager; do
  rm -f "$data/agent/pod-manifests/$pod.yaml"
done
rm -rf /run/k3s/containerd
exit 0
