#include "template/request.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "sys/hash.h"
#include "template/files.h"
#include "template/guest_program.h"
#include "template/keyring.h"
#include "template/release.h"

namespace hlid::templates {
namespace {

// Raised whenever the same description and the same files give another image.
constexpr int kBuilderVersion = 1;

/// Of a ready image: that very file as it is now. Its bytes are not read: a plan asks for the key each time.
std::string image_key(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    throw system_error("cannot read the template's image '" + file.string() + "'");
  const json::object canonical{{"image", std::filesystem::absolute(file).string()},
                               {"size", status.st_size},
                               {"seconds", status.st_mtim.tv_sec},
                               {"nanoseconds", status.st_mtim.tv_nsec}};
  return sys::sha256_hex(to_text(canonical));
}

/// What the builder itself writes into the image; a change of a file is a change of the template.
std::string files_digest(const BuildRequest& request, const Release& release) {
  auto files = configuration_files(request, release, disk_ids({}));
  for (auto& file : early_files(release)) files.push_back(std::move(file));
  json::array all;
  for (const auto& file : files) all.push_back({file.path, file.text, file.link, file.mode});
  return sys::sha256_hex(to_text(all));
}

void require(const std::string& value, const char* pattern, const char* what) {
  if (!std::regex_match(value, std::regex(pattern))) throw Error(Errc::spec, "'{}' is not {}", value, what);
}

}  // namespace

void check_request(const BuildRequest& request) {
  if (!request.image.image_file.empty()) return;  // nothing is built
  find_release(request.image.os);
  // Debian policy 5.6.7, and apt's "name/suite" and "name=version".
  for (const auto& package : request.image.packages)
    require(package, "[a-z0-9][a-z0-9+.-]+([=/][A-Za-z0-9.+:~-]+)?", "a package name");
  require(request.image.locale, "C\\.UTF-8|[a-z]{2,3}(_[A-Z]{2})?(\\.UTF-8)?(@[a-z]+)?", "a UTF-8 locale");
  require(request.image.keyboard, "[a-z]{2,12}(:[a-z0-9_-]+)?",
          "a keyboard layout, as in \"fr\" or \"de:nodeadkeys\"");
  require(request.image.timezone, "[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", "a time zone");
  require(request.access.user, "[a-z_][a-z0-9_-]{0,31}", "a user name");
  if (request.access.user == "root") throw Error(Errc::spec, "'root' cannot be the user: root cannot log in");
  if (!request.image.mirror.empty())
    require(request.image.mirror, "(https?|file|ftp)://[^\\s\\[\\]]+", "the address of a mirror");
  if (request.access.ssh_port < 1 || request.access.ssh_port > 65535)
    throw Error(Errc::spec, "{} is not a port", request.access.ssh_port);
}

std::string content_key(const BuildRequest& request) {
  if (!request.image.image_file.empty()) return image_key(request.image.image_file);
  const auto& release = find_release(request.image.os);
  const std::set<std::string> packages(request.image.packages.begin(), request.image.packages.end());
  json::array names;
  for (const auto& package : packages) names.emplace_back(package);
  const json::object canonical{
      {"builder", kBuilderVersion},         {"os", request.image.os},
      {"locale", request.image.locale},     {"keyboard", request.image.keyboard},
      {"timezone", request.image.timezone}, {"packages", names},
      {"mirror", request.image.mirror},     {"disk", request.image.disk.count},
      {"user", request.access.user},        {"ssh_port", request.access.ssh_port},
      {"keyring", keyring_digest(release)}, {"files", files_digest(request, release)},
      {"guest", guest_program_digest()}};
  return sys::sha256_hex(to_text(canonical));
}

}  // namespace hlid::templates
