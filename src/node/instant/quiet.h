// How a template that was booted gets quiet and nameless before its memory is kept. Internal to this module.
#pragma once

namespace hlid::node::instant {

/// What a copy must not have when its memory is kept, and what must not wake when it goes on. A constant: no
/// value of anybody's is in it. Timers start again in each machine by hlid-wake.timer, at times of its own.
/// The card that comes later, at net0's place (qemu/pci_address.h), gets the name that cloud-init gives it at
/// a boot. journald goes straight to its lasting journal, as after systemd-journal-flush. What the copy has
/// logged is of a machine that nobody has: each machine's logs begin with itself. A login that is refused and
/// the user's service manager, which seconds of the first login go into, are there for the memory that they
/// leave. All services but the agent are frozen (kernel, Documentation/admin-guide/cgroup-v2.rst,
/// cgroup.freeze) until hlid-guest thaws them: so many machines at once go on in nothing but what makes each
/// itself.
inline constexpr const char* kMakeQuiet = R"(set -u
mkdir -p /run/systemd/system
cat > /run/systemd/system/hlid-wake.timer <<EOF
[Unit]
Description=Start the timers of a resumed machine
[Timer]
OnActiveSec=10min
RandomizedDelaySec=20min
Unit=timers.target
EOF
mkdir -p /run/systemd/network
cat > /run/systemd/network/10-hlid-eth0.link <<EOF
[Match]
Path=pci-0000:00:12.0*
[Link]
NamePolicy=
Name=eth0
AlternativeNamesPolicy=database onboard slot path
MACAddressPolicy=persistent
EOF
udevadm control --reload
systemctl daemon-reload
port=$(/usr/sbin/sshd -T | sed -n 's/^port //p' | head -1)
ssh -p "$port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null nobody@127.0.0.1 true
user=$(awk -F: '$3 >= 1000 && $3 < 60000 {print $3; exit}' /etc/passwd)
[ -z "$user" ] || systemctl start "user@$user.service"
systemctl stop timers.target $(systemctl list-units --type=timer --state=active --plain --no-legend | cut -d' ' -f1)
systemctl stop systemd-networkd.socket systemd-networkd.service
journalctl --relinquish-var
for log in cloud-init.log cloud-init-output.log syslog kern.log auth.log user.log daemon.log messages debug btmp; do
  [ ! -e /var/log/$log ] || : > /var/log/$log
done
rm -f /var/lib/cloud/instance/obj.pkl
dmesg --clear
rm -rf /var/log/journal/* /run/log/journal/* /etc/ssh/ssh_host_*
systemctl stop systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket systemd-journald.service
rm -rf /run/log/journal/*
touch /run/systemd/journal/flushed
sync
for service in /sys/fs/cgroup/system.slice/*.service; do
  [ "${service##*/}" = qemu-guest-agent.service ] || echo 1 > "$service/cgroup.freeze" || [ ! -e "$service" ] || exit 1
done
[ -p /run/hlid-guest.wake ] || { echo "nobody waits for the word" >&2; exit 1; }
exit 0
)";

}  // namespace hlid::node::instant
