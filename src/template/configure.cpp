#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"
#include "template/root_folder.h"

namespace hlid::templates {
namespace {

namespace fs = std::filesystem;

/// The host's path for `path` in the image: links among its folders and at its end are followed as the
/// machine itself would, never out of the root.
fs::path resolve(const fs::path& root, const fs::path& path, int depth = 0) {
  if (depth > 16) throw Error(Errc::failed, "'{}' of the image is a loop of links", path.string());
  fs::path done = "/";
  for (const auto& part : path.relative_path()) {
    if (part == "..") {
      done = done.parent_path();
      continue;
    }
    const auto next = done / part;
    const auto here = root / next.relative_path();
    std::error_code none;
    if (!fs::is_symlink(here, none)) {
      done = next;
      continue;
    }
    const auto target = fs::read_symlink(here);
    const auto from_root = target.is_absolute() ? target : done / target;
    done = "/" / resolve(root, from_root, depth + 1).lexically_relative(root);
  }
  return root / done.relative_path();
}

void write_file(const fs::path& target, const ImageFile& file) {
  sys::UniqueFd out(::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, file.mode));
  if (!out) throw system_error("cannot write '" + file.path + "' into the image");
  for (std::string_view left = file.text; !left.empty();) {
    const auto written = ::write(out.get(), left.data(), left.size());
    if (written < 0) throw system_error("cannot write '" + file.path + "' into the image");
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  ::fchmod(out.get(), file.mode);
}

bool is_profile_without_program(const fs::path& root, const std::string& text) {
  const auto at = text.find("\nprofile ");
  if (at == std::string::npos) return false;
  const auto line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  for (const auto& word : split_list(line, " \"")) {
    if (!word.starts_with('/')) continue;
    // A pattern in a profile that confines nothing ("profile firefox /{usr/lib,opt}/… flags=(unconfined)")
    // only gives a desktop program its name.
    if (word.find_first_of("*?{[@") != std::string::npos) return contains(line, "flags=(unconfined)");
    return !fs::exists(root / fs::path(word).relative_path());
  }
  return false;
}

/// Ubuntu brings about a hundred profiles for programs that may be installed one day; reading them takes the
/// larger part of a boot on an emulated processor. Those of container tools stay.
void switch_off_unused_profiles(const fs::path& root) {
  static const std::vector<std::string> kept{"buildah", "crun",        "podman",   "rootlesskit",
                                             "runc",    "slirp4netns", "virtiofsd"};
  const auto folder = root / "etc/apparmor.d";
  if (!fs::exists(folder)) return;
  fs::create_directories(folder / "disable");
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (!entry.is_regular_file() || std::find(kept.begin(), kept.end(), name) != kept.end()) continue;
    const auto link = folder / "disable" / name;
    if (is_profile_without_program(root, sys::read_file(entry.path())) && !fs::is_symlink(link))
      fs::create_symlink("/etc/apparmor.d/" + name, link);
  }
}

void make_locale(sys::ProcessRunner& runner, const Sandbox& sandbox, const std::string& locale,
                 const Release& release, const fs::path& root, std::stop_token stop) {
  if (locale == "C.UTF-8") return;
  // "sr_RS.UTF-8@latin" is made from the source "sr_RS@latin".
  const auto source = replace_all(locale, ".UTF-8", "");
  if (!fs::exists(root / "usr/share/i18n/locales" / source))
    throw Error(Errc::spec, "{} has no locale '{}'", release.title, locale)
        .with_hint("'template: locale' is as in \"fr_FR.UTF-8\"");
  sys::run_checked(
      runner,
      {.argv = sandbox.in_root(root.string(), {"localedef", "-i", source, "-c", "-f", "UTF-8", locale})},
      stop);
}

void require_known(const BuildRequest& request, const Release& release, const fs::path& root) {
  const auto& zone = request.image.timezone;
  if (!fs::is_regular_file(root / "usr/share/zoneinfo" / zone))
    throw Error(Errc::spec, "{} has no time zone '{}'", release.title, zone)
        .with_hint("'template: timezone' is as in \"Europe/Paris\"");
  const auto layout = split(request.image.keyboard, ':').front();
  if (!fs::exists(root / "usr/share/X11/xkb/symbols" / layout))
    throw Error(Errc::spec, "{} has no keyboard layout '{}'", release.title, layout)
        .with_hint("'template: keyboard' is as in \"fr\" or \"de:nodeadkeys\"");
}

}  // namespace

void write_files(const fs::path& root, const std::vector<ImageFile>& files) {
  for (const auto& file : files) {
    const auto wanted = fs::path(file.path);
    const auto folder = resolve(root, wanted.parent_path());
    fs::create_directories(folder);
    if (!file.link.empty()) {
      fs::remove(folder / wanted.filename());
      fs::create_symlink(file.link, folder / wanted.filename());
    } else {
      write_file(resolve(root, wanted), file);
    }
  }
}

void configure_root(sys::ProcessRunner& runner, const Sandbox& sandbox, const BuildRequest& request,
                    const Release& release, const fs::path& root, std::stop_token stop) {
  const auto inside = [&](std::vector<std::string> argv) {
    sys::run_checked(runner, {.argv = sandbox.in_root(root.string(), std::move(argv))}, stop);
  };
  require_known(request, release, root);
  make_locale(runner, sandbox, request.image.locale, release, root, stop);
  inside({"setupcon", "--save-only", "--force"});
  switch_off_unused_profiles(root);
}

}  // namespace hlid::templates
