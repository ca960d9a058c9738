#include "template/apt_watch.h"

#include <charconv>
#include <optional>

#include "base/text.h"

namespace hlid::templates {
namespace {

/// What stands between `before` and the next `after` in a line; nullopt when `before` is not in it.
std::optional<std::string> between(const std::string& line, std::string_view before, std::string_view after) {
  const auto at = line.find(before);
  if (at == std::string::npos) return std::nullopt;
  const auto from = at + before.size();
  return line.substr(from, line.find(after, from) - from);
}

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// apt's three ways to say that there is no such package.
std::optional<std::string> missing_package(const std::string& line) {
  if (auto name = between(line, "Unable to locate package ", " ")) return name;
  if (contains(line, "has no installation candidate")) return between(line, "Package '", "'");
  if (contains(line, "was not found"))
    if (auto name = between(line, " for '", "'")) return name;
  return std::nullopt;
}

bool is_error(const std::string& line) {
  return line.starts_with("E: ") || line.starts_with("dpkg: error") || line.starts_with("unshare: ") ||
         line.starts_with("newuidmap: ") || line.starts_with("newgidmap: ");
}

}  // namespace

void AptWatch::on_line(const std::string& line) {
  if (const auto count = between(line, " upgraded, ", " newly installed")) wanted_ += number(*count);
  if (line.starts_with("Get:") && contains(line, " amd64 ") && contains(line, " [")) ++fetched_;
  if (line.starts_with("Setting up ")) ++installed_;
  if (auto name = between(line, "dpkg: error processing package ", " ")) broken_package_ = *name;
  if (is_error(line) && bad_.size() < 50) bad_.push_back(line);
  report();
}

void AptWatch::report() {
  std::string text = "asking the package archive";
  if (installed_ > 0) {
    text = fmt::format("{} of {} packages installed", installed_, wanted_);
  } else if (wanted_ > 0) {
    text = fmt::format("{} packages fetched", fetched_);
  }
  if (text == shown_) return;
  shown_ = text;
  progress_(text);
}

Error AptWatch::failure(const Release& release, const std::string& describe) const {
  for (const auto& line : bad_) {
    if (const auto package = missing_package(line))
      return Error(Errc::spec, "package '{}' is not in the archive of {}", *package, release.title)
          .with_hint("correct or remove it in 'template: packages'");
    if (contains(line, "Failed to fetch")) {
      const auto rest = between(line, "Failed to fetch ", "\n").value_or("");
      const auto blank = rest.find(' ');
      return Error(Errc::failed, "the package archive of {} does not give '{}': {}", release.title,
                   rest.substr(0, blank),
                   blank == std::string::npos ? "" : std::string(trim(rest.substr(blank))))
          .with_hint("check the network, or name another one in 'template: mirror'");
    }
    if (contains(line, "is not signed") || contains(line, "NO_PUBKEY"))
      return Error(Errc::failed, "the package archive of {} is not signed by a key that is trusted: {}",
                   release.title, line.substr(3))
          .with_hint("install the package " + std::string(release.is_ubuntu ? "ubuntu" : "debian") +
                     "-archive-keyring, or name another one in 'template: mirror'");
    if (line.starts_with("unshare: ") || contains(line, "uidmap: "))
      return Error(Errc::precondition, "no user namespace for the template's files: {}", line)
          .with_hint("install the package uidmap and allow user namespaces");
  }
  if (!broken_package_.empty())
    return Error(Errc::failed, "package '{}' could not be installed: {}", broken_package_, describe);
  return Error(Errc::failed, "mmdebstrap {}", bad_.empty() ? describe : bad_.front());
}

}  // namespace hlid::templates
