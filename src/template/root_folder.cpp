#include "template/root_folder.h"

#include "base/error.h"
#include "base/text.h"
#include "template/apt_watch.h"
#include "template/keyring.h"

namespace hlid::templates {
namespace {

/// As mmdebstrap's special hooks split their words (Perl's shellwords).
std::string hook_word(const std::string& text) {
  return '"' + replace_all(replace_all(text, "\\", "\\\\"), "\"", "\\\"") + '"';
}

/// apt's one-line entries for a mirror of the user's; without one mmdebstrap knows the distribution's own.
std::vector<std::string> mirror_lines(const std::string& mirror, const Release& release) {
  if (mirror.empty()) return {};
  const auto line = [&](const std::string& suffix) {
    return fmt::format("deb {} {}{} {}", mirror, release.suite, suffix, join(release.components, " "));
  };
  std::vector<std::string> lines{line(""), line("-updates")};
  if (release.is_ubuntu) lines.push_back(line("-security"));
  return lines;
}

// INITRD=No (see make_root) also keeps the kernel's scripts from linking initrd.img, so that is done here
// too.
constexpr const char* kMakeInitramfs =
    "--customize-hook=chroot \"$1\" env -u INITRD sh -ec 'for v in /lib/modules/*; do v=${v##*/}; "
    "update-initramfs -c -k "
    "$v; "
    "linux-update-symlinks install $v /boot/vmlinuz-$v; done'";

void require_known_suite(const Release& release) {
  if (!release.is_ubuntu) return;
  for (const auto* path : {"/usr/share/distro-info/ubuntu.csv", "/usr/share/debootstrap/scripts/gutsy"})
    if (std::filesystem::exists(path)) return;
  throw Error(Errc::precondition, "mmdebstrap does not know where {} comes from", release.title)
      .with_hint("install the package distro-info-data");
}

}  // namespace

std::vector<std::string> mmdebstrap_argv(const BuildRequest& request, const Release& release,
                                         const std::filesystem::path& root, const std::string& keyring,
                                         const std::filesystem::path& early) {
  std::vector<std::string> argv{"mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase",
                                "--verbose", "--architectures=amd64",
                                // What is lost in a power cut is made again: no fsync for each file.
                                "--dpkgopt=force-unsafe-io",
                                // The folders above may be closed to others, apt's own user included.
                                "--aptopt=APT::Sandbox::User \"root\"", "--aptopt=Acquire::Retries \"3\"",
                                "--components=" + join(release.components, ","),
                                "--include=" + join(packages_of(release, request.image.packages), ",")};
  if (!keyring.empty()) argv.push_back("--keyring=" + keyring);
  if (!early.empty()) argv.push_back("--customize-hook=sync-in " + hook_word(early.string()) + " /");
  if (release.needs_initramfs) argv.emplace_back(kMakeInitramfs);
  // Here, because systemctl wants /proc, which mmdebstrap has mounted.
  argv.push_back("--customize-hook=chroot \"$1\" systemctl disable " + join(disabled_units(release), " "));
  argv.push_back("--customize-hook=chroot \"$1\" systemctl enable " + join(enabled_units(), " "));
  argv.push_back(release.suite);
  argv.push_back(root.string());
  const auto mirror = mirror_lines(request.image.mirror, release);
  argv.insert(argv.end(), mirror.begin(), mirror.end());
  return argv;
}

void make_root(sys::ProcessRunner& runner, const Sandbox& sandbox, const BuildRequest& request,
               const Release& release, const std::filesystem::path& root, const std::filesystem::path& early,
               const std::function<void(const std::string&)>& progress, std::stop_token stop) {
  if (request.image.mirror.empty()) require_known_suite(release);
  const auto keyring = find_keyring(release);
  AptWatch watch(progress);
  sys::Command command{
      .argv =
          sandbox.inside(mmdebstrap_argv(request, release, root, keyring ? keyring->string() : "", early)),
      // INITRD: the kernel's own scripts make no RAM disk; ours is made once, at the end.
      .env = {{"INITRD", "No"}, {"DEBIAN_FRONTEND", "noninteractive"}, {"LC_ALL", "C.UTF-8"}, {"TZ", "UTC"}},
      .on_line = [&](const std::string& line) { watch.on_line(line); },
      .lines_of_output = true};
  const auto result = runner.run(command, stop);
  if (result.ok()) return;
  if (result.ending == sys::Ending::cancelled) throw Error(Errc::interrupted, "interrupted");
  if (result.ending == sys::Ending::not_started ||
      (result.ending == sys::Ending::exited && result.status == 127))
    throw Error(Errc::precondition, "mmdebstrap cannot be started: {}", result.describe())
        .with_hint("install the packages mmdebstrap and util-linux");
  throw watch.failure(release, result.describe());
}

}  // namespace hlid::templates
