#include "template/sandbox.h"

#include <pwd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "sys/files.h"

namespace hlid::templates {
namespace {

std::string name_of(unsigned uid) {
  passwd entry{}, *found = nullptr;
  std::string buffer(16384, '\0');
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "";
  return entry.pw_name;
}

void require_subordinate_ids(unsigned uid, const std::string& subuid_file) {
  const auto name = name_of(uid);
  for (const auto& line : split(sys::read_file_if_exists(subuid_file).value_or(""), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() == 3 && (fields[0] == name || fields[0] == std::to_string(uid))) return;
  }
  throw Error(Errc::precondition, "user '{}' has no subordinate ids, which the files of a template need",
              name.empty() ? std::to_string(uid) : name)
      .with_hint(
          fmt::format("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", name));
}

}  // namespace

Sandbox Sandbox::for_user(unsigned uid, const std::string& subuid_file) {
  std::vector<std::string> prefix{"setpriv", "--pdeathsig", "KILL", "unshare"};
  if (uid != 0) {
    require_subordinate_ids(uid, subuid_file);
    prefix.insert(prefix.end(), {"--map-root-user", "--map-auto"});
  }
  prefix.insert(prefix.end(), {"--mount", "--pid", "--fork", "--kill-child=KILL", "--"});
  return Sandbox(std::move(prefix));
}

Sandbox Sandbox::for_self() {
  return for_user(::geteuid());
}

std::vector<std::string> Sandbox::inside(std::vector<std::string> argv) const {
  auto all = prefix_;
  all.insert(all.end(), std::make_move_iterator(argv.begin()), std::make_move_iterator(argv.end()));
  return all;
}

std::vector<std::string> Sandbox::in_root(const std::string& root, std::vector<std::string> argv) const {
  argv.insert(argv.begin(), {"chroot", root});
  return inside(std::move(argv));
}

}  // namespace hlid::templates
