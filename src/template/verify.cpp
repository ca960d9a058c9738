#include "template/verify.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "image/bytes.h"
#include "image/gpt.h"
#include "template/sshd_config.h"

namespace hlid::templates {
namespace {

class Checks {
 public:
  Checks(sys::ProcessRunner& runner, const std::filesystem::path& disk, const DiskLayout& layout,
         const BuildRequest& request, const Release& release, const DiskIds& ids)
      : runner_(runner),
        disk_(disk),
        layout_(layout),
        request_(request),
        release_(release),
        ids_(ids),
        reader_(runner, root_region(disk, layout)) {}

  std::vector<std::string> all() {
    partitions();
    boot_loaders();
    kernel();
    identity();
    ssh();
    cloud_init();
    language();
    network();
    swap();
    agent();
    accounts();
    packages();
    owners();
    return std::move(failed_);
  }

 private:
  void expect(bool holds, const std::string& what) {
    if (!holds) failed_.push_back(what);
  }
  std::string text(const std::string& path) const { return reader_.read(path).value_or(""); }
  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> all;
    for (const auto& entry : reader_.list(folder).value_or(std::vector<image::DirectoryEntry>{}))
      all.push_back(entry.name);
    return all;
  }
  bool is_enabled(const std::string& target, const std::string& unit) const {
    return reader_.exists("/etc/systemd/system/" + target + ".wants/" + unit);
  }

  void partitions();
  void boot_loaders();
  void kernel();
  void identity();
  void ssh();
  void cloud_init();
  void language();
  void network();
  void swap();
  void agent();
  void accounts();
  void packages();
  void owners();

  sys::ProcessRunner& runner_;
  const std::filesystem::path& disk_;
  const DiskLayout& layout_;
  const BuildRequest& request_;
  const Release& release_;
  const DiskIds& ids_;
  image::Ext4Reader reader_;
  std::vector<std::string> failed_;
};

void Checks::partitions() {
  const auto found = image::read_gpt(disk_);
  expect(
      found.size() == 3 && found.back().id == ids_.root_partition && found.back().start == layout_.root_start,
      "the partition table is not the template's");
}

void Checks::boot_loaders() {
  const auto sector = image::read_at(disk_, 0, 512);
  expect(contains(sector, "GRUB") && sector.ends_with("\x55\xaa"), "no boot loader for BIOS");
  // Where diskboot.img's block list says that the rest of GRUB goes on.
  const auto core = image::read_at(disk_, layout_.bios_start.count, 512);
  expect(image::get_le(core, 500, 8) ==
             static_cast<std::uint64_t>(layout_.bios_start.count / image::kSectorSize) + 1,
         "the boot loader for BIOS is cut short");
  const auto esp = image::list_fat(runner_, esp_region(disk_, layout_));
  expect(std::ranges::find(esp, "EFI/BOOT/BOOTX64.EFI") != esp.end(), "no boot loader for UEFI");
  expect(contains(text("/boot/grub/grub.cfg"), "root=PARTUUID=" + ids_.root_partition.text),
         "the boot menu does not name the root partition");
}

void Checks::kernel() {
  const auto kernel = reader_.read(release_.boot_prefix + "/vmlinuz");
  // The Linux/x86 boot protocol: "HdrS" at 0x202.
  expect(kernel && kernel->size() > 0x206 && kernel->substr(0x202, 4) == "HdrS",
         "no kernel where the boot menu looks");
  if (release_.needs_initramfs)
    expect(reader_.read(release_.boot_prefix + "/initrd.img").has_value(),
           "no initial RAM disk where the boot menu looks");
}

void Checks::identity() {
  const auto machine_id = reader_.entry("/etc/machine-id");
  expect(machine_id && machine_id->size == 0, "/etc/machine-id is not empty");
  expect(
      std::ranges::none_of(names("/etc/ssh"), [](const auto& name) { return name.starts_with("ssh_host_"); }),
      "SSH host keys are left");
  expect(!reader_.exists("/etc/hostname"), "a host name is set");
  expect(!reader_.exists("/var/lib/systemd/random-seed"), "a random seed is left");
}

void Checks::ssh() {
  const auto settings = effective_sshd_settings({.read = [&](const auto& path) { return reader_.read(path); },
                                                 .list = [&](const auto& folder) { return names(folder); }});
  const auto is = [&](const std::string& keyword, const std::string& value) {
    const auto found = settings.find(keyword);
    const auto actual = found == settings.end() ? "(not set)" : found->second;
    expect(to_lower(actual) == value,
           fmt::format("sshd: '{}' is '{}' instead of '{}'", keyword, actual, value));
  };
  is("port", std::to_string(request_.access.ssh_port));
  is("permitrootlogin", "no");
  is("passwordauthentication", "no");
  is("kbdinteractiveauthentication", "no");
  is("pubkeyauthentication", "yes");
  expect(is_enabled("multi-user.target", "ssh.service"), "ssh.service is not enabled");
  expect(!is_enabled("sockets.target", "ssh.socket") &&
             !reader_.exists("/etc/systemd/system/ssh.service.requires/ssh.socket"),
         "ssh.socket is enabled, which has a port of its own");
}

void Checks::cloud_init() {
  // Files are merged in the order of their names, the last one wins.
  std::string list;
  for (const auto& name : names("/etc/cloud/cloud.cfg.d")) {
    if (!name.ends_with(".cfg")) continue;
    for (const auto& line : split(text("/etc/cloud/cloud.cfg.d/" + name), '\n'))
      if (line.starts_with("datasource_list:")) list = line;
  }
  expect(list == "datasource_list: [" + join(datasources(), ", ") + "]",
         "cloud-init's datasources are '" + list + "'");
  expect(names("/var/lib/cloud").empty(), "cloud-init has already run");
  expect(!reader_.exists("/etc/cloud/cloud-init.disabled"), "cloud-init is switched off");
  expect(contains(text("/etc/cloud/cloud.cfg.d/90_hlid.cfg"), "    name: " + request_.access.user + "\n"),
         "cloud-init's user is another");
}

void Checks::language() {
  expect(contains(text("/etc/default/locale"), "LANG=" + request_.image.locale), "the locale is another");
  if (request_.image.locale != "C.UTF-8")
    expect(reader_.exists("/usr/lib/locale/locale-archive"), "the locale's data is missing");
  expect(reader_.link_target("/etc/localtime") == "/usr/share/zoneinfo/" + request_.image.timezone,
         "the time zone is another");
  expect(trim(text("/etc/timezone")) == request_.image.timezone, "/etc/timezone names another time zone");
  expect(contains(text("/etc/default/keyboard"),
                  "XKBLAYOUT=\"" + split(request_.image.keyboard, ':').front() + "\""),
         "the keyboard layout is another");
}

void Checks::network() {
  expect(names("/etc/netplan").empty(), "a netplan file is left");
  expect(names("/etc/systemd/network").empty(), "a network file of systemd is left");
  expect(!reader_.exists("/etc/network/interfaces"), "/etc/network/interfaces is left");
  expect(reader_.link_target("/etc/resolv.conf") == "../run/systemd/resolve/stub-resolv.conf",
         "/etc/resolv.conf is not systemd-resolved's");
}

void Checks::swap() {
  const auto fstab = text("/etc/fstab");
  for (const auto& line : split(fstab, '\n'))
    if (!line.starts_with('#')) expect(!contains(line, "swap"), "swap is in /etc/fstab: " + line);
  expect(contains(fstab, "UUID=" + ids_.root_fs.text + " / "),
         "/etc/fstab does not name the root file system");
  for (const auto* file : {"/swapfile", "/swap.img"})
    expect(!reader_.exists(file), std::string(file) + " is left");
}

void Checks::agent() {
  expect(reader_.exists("/usr/sbin/qemu-ga"), "the QEMU guest agent is missing");
  expect(reader_.link_target("/etc/systemd/system/qemu-guest-agent.service") != "/dev/null",
         "the QEMU guest agent is masked");
  // It is started by its device: through the unit's [Install] section or a udev rule.
  const auto units = names("/etc/systemd/system");
  const bool wanted = std::ranges::any_of(
      units, [](const auto& name) { return contains(name, "org.qemu.guest_agent.0.device.wants"); });
  const auto rules = names("/usr/lib/udev/rules.d");
  const bool has_rule =
      std::ranges::any_of(rules, [](const auto& name) { return contains(name, "qemu-guest-agent"); });
  expect(wanted || has_rule || is_enabled("multi-user.target", "qemu-guest-agent.service"),
         "the QEMU guest agent is not enabled");
}

void Checks::accounts() {
  for (const auto& line : split(text("/etc/shadow"), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() > 1)
      expect(fields[1].starts_with('*') || fields[1].starts_with('!'), "'" + fields[0] + "' has a password");
  }
  for (const auto& line : split(text("/etc/passwd"), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() > 5 && fields[5].starts_with("/home/"))
      failed_.push_back("user '" + fields[0] + "' is there already");
  }
  expect(names("/root/.ssh").empty(), "root has SSH keys");
}

void Checks::packages() {
  std::set<std::string> installed;
  for (const auto& [name, version] : installed_packages(text("/var/lib/dpkg/status"))) installed.insert(name);
  for (const auto& wanted : packages_of(release_, request_.image.packages))
    if (const auto name = wanted.substr(0, wanted.find_first_of("=/")); !installed.contains(name))
      failed_.push_back("package '" + name + "' is not installed");
  expect(!trim(text("/etc/apt/sources.list")).empty() || !names("/etc/apt/sources.list.d").empty(),
         "no package source for the machine's own updates");
  expect(!reader_.exists("/etc/apt/apt.conf.d/99mmdebstrap"), "the builder's settings for apt are left");
}

void Checks::owners() {
  for (const auto& entry : reader_.list("/").value_or(std::vector<image::DirectoryEntry>{}))
    expect(entry.uid == 0 && entry.gid == 0, "/" + entry.name + " does not belong to root");
  const auto shadow = reader_.entry("/etc/shadow");
  expect(shadow && shadow->uid == 0 && (shadow->mode & 0777) == 0640 && shadow->gid == 42,
         "/etc/shadow is not root:shadow 0640");
  const auto sudo = reader_.entry("/usr/bin/sudo");
  expect(sudo && sudo->uid == 0 && (sudo->mode & 04000) != 0, "sudo does not run as root");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> installed_packages(const std::string& dpkg_status) {
  std::vector<std::pair<std::string, std::string>> packages;
  std::string name, version;
  bool installed = false;
  const auto end_of_entry = [&] {
    if (installed && !name.empty()) packages.emplace_back(name, version);
    name.clear();
    installed = false;
  };
  for (const auto& line : split(dpkg_status, '\n')) {
    if (line.empty()) end_of_entry();
    if (line.starts_with("Package: ")) name = line.substr(9);
    if (line.starts_with("Version: ")) version = line.substr(9);
    if (line == "Status: install ok installed" || line == "Status: hold ok installed") installed = true;
  }
  end_of_entry();
  std::ranges::sort(packages);
  return packages;
}

std::vector<std::string> failed_checks(sys::ProcessRunner& runner, const std::filesystem::path& raw_disk,
                                       const DiskLayout& layout, const BuildRequest& request,
                                       const Release& release, const DiskIds& ids) {
  return Checks(runner, raw_disk, layout, request, release, ids).all();
}

void verify_disk(sys::ProcessRunner& runner, const std::filesystem::path& raw_disk, const DiskLayout& layout,
                 const BuildRequest& request, const Release& release, const DiskIds& ids) {
  const auto failed = failed_checks(runner, raw_disk, layout, request, release, ids);
  if (!failed.empty())
    throw Error(Errc::failed, "the finished template is not as it should be: {}", join(failed, "; "));
}

}  // namespace hlid::templates
