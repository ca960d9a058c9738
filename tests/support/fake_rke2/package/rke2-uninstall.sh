#!/bin/sh
# Takes rke2 off this machine. The cluster is not told: remove the Node and the member first.
[ "$(id -u)" = 0 ] || { echo "rke2-uninstall.sh must be run as root" >&2; exit 1; }
data=${RKE2_DATA_DIR:-/var/lib/rancher/rke2}
prefix=/usr/local

"$prefix/bin/rke2-killall.sh"
for unit in rke2-server rke2-agent; do
  if command -v systemctl >/dev/null 2>&1; then
    systemctl disable "$unit.service" 2>/dev/null
    systemctl reset-failed "$unit.service" 2>/dev/null
  fi
  rm -f "$prefix/lib/systemd/system/$unit.service" "$prefix/lib/systemd/system/$unit.env"
done
if command -v systemctl >/dev/null 2>&1; then systemctl daemon-reload 2>/dev/null; fi

rm -rf "$prefix/share/rke2" /etc/rancher/rke2 /etc/rancher/node /etc/cni /opt/cni/bin /var/lib/cni /var/lib/kubelet \
  /run/k3s /var/log/pods "$data"
rmdir /etc/rancher /var/lib/rancher 2>/dev/null
rm -f "$prefix/bin/rke2" "$prefix/bin/rke2-killall.sh" "$prefix/bin/rke2-uninstall.sh"
exit 0
