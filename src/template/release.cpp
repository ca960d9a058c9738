#include "template/release.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace hlid::templates {
namespace {

// What a machine needs to boot, be reached, be cared for by cloud-init and the agent, and run RKE2.
// mmdebstrap installs no recommended packages, so all is said here.
const std::vector<std::string> kCommonPackages{"apparmor",
                                               "apt",
                                               "bash-completion",
                                               "ca-certificates",
                                               "cloud-guest-utils",
                                               "cloud-init",
                                               "console-setup",
                                               "curl",
                                               "dbus",
                                               "e2fsprogs",
                                               "ethtool",
                                               "iproute2",
                                               "iptables",
                                               "iputils-ping",
                                               "keyboard-configuration",
                                               "kmod",
                                               "less",
                                               "libpam-systemd",
                                               "locales",
                                               "mount",
                                               "netbase",
                                               "nftables",
                                               "openssh-server",
                                               "procps",
                                               "qemu-guest-agent",
                                               "sudo",
                                               "systemd-resolved",
                                               "systemd-sysv",
                                               "systemd-timesyncd",
                                               "tzdata",
                                               "udev"};

Release ubuntu(std::string version, std::string suite) {
  return {.os = "ubuntu-" + version,
          .title = "Ubuntu " + version,
          .suite = std::move(suite),
          .is_ubuntu = true,
          .components = {"main", "universe"},
          .keyring = "ubuntu-archive-keyring.gpg",
          .kernel = "linux-image-virtual",
          .needs_initramfs = false,  // VirtIO block, SCSI and ext4 are built in
          .boot_prefix = "/boot",
          .packages = kCommonPackages};
}

Release debian(std::string version, std::string suite) {
  return {.os = "debian-" + version,
          .title = "Debian " + version,
          .suite = std::move(suite),
          .is_ubuntu = false,
          .components = {"main"},
          .keyring = "",
          .kernel = "linux-image-cloud-amd64",
          .needs_initramfs = true,
          .boot_prefix = "",
          .packages = kCommonPackages};
}

}  // namespace

const std::vector<Release>& releases() {
  static const std::vector<Release> all{ubuntu("24.04", "noble"), debian("12", "bookworm"),
                                        debian("13", "trixie")};
  return all;
}

const Release& find_release(const std::string& os) {
  std::vector<std::string> names;
  for (const auto& release : releases()) {
    if (release.os == os) return release;
    names.push_back(release.os);
  }
  const auto near = suggest(os, names);
  throw Error(Errc::spec, "a template of '{}' cannot be built", os)
      .with_hint(near.empty() ? "use one of " + join(names, ", ") : "did you mean '" + near + "'?");
}

std::vector<std::string> packages_of(const Release& release, const std::vector<std::string>& wanted) {
  std::vector<std::string> all{release.kernel};
  if (release.needs_initramfs) all.insert(all.end(), {"initramfs-tools", "zstd"});
  all.insert(all.end(), release.packages.begin(), release.packages.end());
  for (const auto& package : wanted)
    if (std::ranges::find(all, package) == all.end()) all.push_back(package);
  return all;
}

}  // namespace hlid::templates
