#include "template/files.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hlid::templates {
namespace {

constexpr const char* kHeader = "# Made by hlid with the template.\n";

ImageFile cloud_init(const BuildRequest& request) {
  return {.path = "/etc/cloud/cloud.cfg.d/90_hlid.cfg",
          .text = kHeader + fmt::format(R"(datasource_list: [{0}]
disable_root: true
ssh_pwauth: false
preserve_hostname: false
# RSA keys take long to make on an emulated processor, and nothing of today needs them.
ssh_genkeytypes: [ed25519, ecdsa]
ssh_deletekeys: true
# The template's own stays.
locale: false
apt: {{preserve_sources_list: true}}
growpart: {{mode: auto, devices: ["/"]}}
resize_rootfs: true
system_info:
  default_user:
    name: {1}
    gecos: {1}
    lock_passwd: true
    groups: [adm, sudo, systemd-journal]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
  network:
    renderers: [networkd, netplan]
# What these machines never use (snap, landscape, other tools' agents) is not even loaded.
cloud_init_modules: [seed_random, bootcmd, write_files, growpart, resizefs, mounts, set_hostname, update_hostname, update_etc_hosts, ca_certs, users_groups, ssh, set_passwords]
cloud_config_modules: [ssh_import_id, locale, ntp, timezone, runcmd]
cloud_final_modules: [package_update_upgrade_install, write_files_deferred, scripts_vendor, scripts_per_once, scripts_per_boot, scripts_per_instance, scripts_user, final_message, power_state_change]
)",
                                        join(datasources(), ", "), request.access.user)};
}

ImageFile sshd(const BuildRequest& request) {
  // The distributions' sshd_config includes this folder first, and the first value that sshd meets wins: ours
  // come before what cloud-init may write (50-cloud-init.conf).
  return {.path = "/etc/ssh/sshd_config.d/10-hlid.conf",
          .text = kHeader + fmt::format(R"(Port {}
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
PermitRootLogin no
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
AuthenticationMethods publickey
MaxAuthTries 4
LoginGraceTime 60
X11Forwarding no
)",
                                        request.access.ssh_port)};
}

ImageFile keyboard(const BuildRequest& request) {
  const auto parts = split(request.image.keyboard, ':');
  return {
      .path = "/etc/default/keyboard",
      .text = fmt::format(
          "XKBMODEL=\"pc105\"\nXKBLAYOUT=\"{}\"\nXKBVARIANT=\"{}\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n",
          parts[0], parts.size() > 1 ? parts[1] : "")};
}

ImageFile boot_menu(const Release& release, const DiskIds& ids) {
  // panic=10: a kernel that fell over early (emulated processors now and then trip over code that is being
  // patched) starts again by itself rather than waiting for somebody to look.
  // tsc=reliable: an emulated processor does not claim that its time stamps agree, so the kernel would read
  // the HPET instead, each time through the emulator; where there is kvm-clock, that is preferred all the
  // same. The kernel packages keep the links up to date, so the menu never has to be made again.
  const auto entry = [&](const char* title, const char* suffix) {
    return fmt::format(R"(menuentry '{0}' {{
  linux {1}/vmlinuz{2} root=PARTUUID={3} ro console=tty0 console=ttyS0,115200 8250.nr_uarts=4 panic=10 tsc=reliable
  if [ -e {1}/initrd.img{2} ]; then initrd {1}/initrd.img{2}; fi
}}
)",
                       title, release.boot_prefix, suffix, ids.root_partition.text);
  };
  return {.path = "/boot/grub/grub.cfg",
          .text = std::string(kHeader) + "set timeout=0\nset default=0\nset fallback=1\n" +
                  entry(release.title.c_str(), "") + entry("The kernel before", ".old")};
}

ImageFile kernel_parameters() {
  return {.path = "/etc/sysctl.d/90-hlid.conf",
          .text = std::string(kHeader) + R"(# What the kubelet insists on with protect-kernel-defaults.
vm.panic_on_oom = 0
vm.overcommit_memory = 1
kernel.panic = 10
kernel.panic_on_oops = 1
# Containers watch many files.
fs.inotify.max_user_instances = 8192
fs.inotify.max_user_watches = 524288
net.ipv4.ip_forward = 1
)"};
}

ImageFile datasource_search() {
  // A drive that shows itself late must not switch cloud-init off: it then looks again by itself.
  return {.path = "/etc/cloud/ds-identify.cfg",
          .text = std::string(kHeader) + "policy: search,found=all,maybe=all,notfound=enabled\n"};
}

ImageFile unused_drivers() {
  // Virtual machines of every hypervisor seem to have these; looking for them takes seconds on an emulated
  // processor, and a text console in a graphics mode is slow to write.
  return {
      .path = "/etc/modprobe.d/hlid.conf",
      .text =
          std::string(kHeader) +
          "blacklist floppy\nblacklist parport\nblacklist parport_pc\nblacklist ppdev\nblacklist lp\n"
          "blacklist pcspkr\nblacklist psmouse\nblacklist serio_raw\nblacklist joydev\nblacklist input_leds\n"
          "blacklist vga16fb\n"};
}

std::string locale_gen_line(const std::string& locale) {
  return locale + " UTF-8\n";
}

}  // namespace

std::vector<std::string> datasources() {
  return {"ConfigDrive", "NoCloud"};
}

DiskIds disk_ids(const std::string& content_key) {
  const Uuid space{"5a0ef1d4-6a37-4a57-8b53-8a3b9d1a3c11"};
  const auto made = [&](const char* what) { return uuid_v5(space, content_key + "/" + what); };
  return {made("disk"), made("bios"), made("esp"), made("root-partition"), made("root-fs")};
}

std::vector<ImageFile> configuration_files(const BuildRequest& request, const Release& release,
                                           const DiskIds& ids) {
  const auto& image = request.image;
  return {
      cloud_init(request),
      sshd(request),
      keyboard(request),
      boot_menu(release, ids),
      kernel_parameters(),
      unused_drivers(),
      datasource_search(),
      {.path = "/etc/default/locale", .text = "LANG=" + image.locale + "\n"},
      {.path = "/etc/locale.gen", .text = locale_gen_line(image.locale)},
      {.path = "/etc/timezone", .text = image.timezone + "\n"},
      {.path = "/etc/localtime", .link = "/usr/share/zoneinfo/" + image.timezone},
      {.path = "/etc/fstab",
       .text =
           std::string(kHeader) + "UUID=" + ids.root_fs.text + " / ext4 defaults,errors=remount-ro 0 1\n"},
      {.path = "/etc/hosts",
       .text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 "
               "ip6-allrouters\n"},
      {.path = "/etc/resolv.conf", .link = "../run/systemd/resolve/stub-resolv.conf"},
      // The container network's routes and rules are not the network daemon's to remove.
      {.path = "/etc/systemd/networkd.conf.d/10-hlid.conf",
       .text =
           std::string(kHeader) + "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"},
      {.path = "/etc/systemd/journald.conf.d/10-hlid.conf",
       .text = std::string(kHeader) + "[Journal]\nSystemMaxUse=256M\n"},
  };
}

std::vector<ImageFile> early_files(const Release& release) {
  if (!release.needs_initramfs) return {};
  return {{.path = "/etc/initramfs-tools/conf.d/hlid",
           .text = std::string(kHeader) + "MODULES=list\nCOMPRESS=zstd\nFSTYPE=ext4\n"},
          {.path = "/etc/initramfs-tools/modules",
           .text = std::string(kHeader) +
                   "virtio_pci\nvirtio_blk\nvirtio_scsi\nsd_mod\nahci\next4\ncrc32c\n"
                   // systemd asks for the cloud-init drive before udev has loaded anything.
                   "ata_piix\nsr_mod\nisofs\n"}};
}

std::vector<std::string> enabled_units() {
  return {"ssh.service", "systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service"};
}

std::vector<std::string> disabled_units(const Release& release) {
  // With the socket unit, sshd's own Port would only be half the truth; updates are hlid's work, not a
  // timer's.
  std::vector<std::string> units{"ssh.socket", "apt-daily.timer", "apt-daily-upgrade.timer",
                                 "e2scrub_all.timer", "e2scrub_reap.service"};
  if (release.is_ubuntu) units.emplace_back("motd-news.timer");
  return units;
}

}  // namespace hlid::templates
