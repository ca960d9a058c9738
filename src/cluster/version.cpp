#include "cluster/version.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace hlid::cluster {
namespace {

constexpr int kKubeletBehind = 3;  // since Kubernetes 1.28

/// At most three digits, without sign or blank.
std::optional<int> number(std::string_view text) {
  if (text.empty() || text.size() > 3) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::optional<Version> Version::parse(std::string_view text) {
  const auto plus = text.find('+');
  if (text.empty() || text.front() != 'v' || plus == std::string_view::npos) return std::nullopt;
  const auto parts = split(text.substr(1, plus - 1), '.');
  const auto suffix = text.substr(plus + 1);
  const std::string_view prefix = suffix.substr(0, 5) == "rke2r" ? "rke2r" : "k3s";
  if (parts.size() != 3 || suffix.substr(0, prefix.size()) != prefix) return std::nullopt;
  const auto major = number(parts[0]), minor = number(parts[1]), patch = number(parts[2]);
  const auto build = number(suffix.substr(prefix.size()));
  if (!major || !minor || !patch || !build) return std::nullopt;
  return Version{*major, *minor, *patch, prefix == "k3s" ? "k3s" : "rke2", *build};
}

std::string Version::text() const {
  return fmt::format("v{}.{}.{}+{}{}", major, minor, patch, distribution == "rke2" ? "rke2r" : distribution,
                     build);
}

std::string Version::url_text() const {
  return replace_all(text(), "+", "%2B");
}

std::string Version::image_tag() const {
  return replace_all(text(), "+", "-");
}

std::string Version::minor_text() const {
  return fmt::format("v{}.{}", major, minor);
}

std::strong_ordering Version::operator<=>(const Version& other) const {
  if (const auto by = distribution.compare(other.distribution); by != 0) return by <=> 0;
  if (const auto by = major <=> other.major; by != 0) return by;
  if (const auto by = minor <=> other.minor; by != 0) return by;
  if (const auto by = patch <=> other.patch; by != 0) return by;
  return build <=> other.build;
}

Move move_between(const Version& from, const Version& to) {
  if (from.distribution != to.distribution) return Move::other_distribution;
  if (from == to) return Move::none;
  if (to < from) return Move::downgrade;
  if (from.major != to.major) return Move::skips_minor;
  if (from.minor == to.minor) return Move::patch;
  return from.minor + 1 == to.minor ? Move::next_minor : Move::skips_minor;
}

bool is_allowed(Move move) {
  return move == Move::none || move == Move::patch || move == Move::next_minor;
}

void require_move(const Version& from, const Version& to) {
  const auto move = move_between(from, to);
  if (is_allowed(move)) return;
  if (move == Move::other_distribution)
    throw Error(Errc::precondition, "{} cannot become {}: that is another distribution", from.text(),
                to.text())
        .with_hint("make a new cluster and move the workloads");
  if (move == Move::downgrade)
    throw Error(Errc::precondition, "{} cannot go back to {}: etcd's data does not", from.text(), to.text())
        .with_hint("restore a snapshot that was taken with the older release: hlid cluster restore");
  throw Error(Errc::precondition, "from {} to {} skips a minor release, which Kubernetes does not allow",
              from.text(), to.text())
      .with_hint(fmt::format("go to a release of v{}.{} first", from.major, from.minor + 1));
}

bool kubelet_fits(const Version& kubelet, const Version& server) {
  return kubelet.distribution == server.distribution && kubelet <= server && kubelet.major == server.major &&
         server.minor - kubelet.minor <= kKubeletBehind;
}

bool servers_fit(const Version& one, const Version& other) {
  return one.distribution == other.distribution && one.major == other.major &&
         std::abs(one.minor - other.minor) <= 1;
}

std::optional<std::string> upgrade_refusal(const std::vector<Version>& servers,
                                           const std::vector<Version>& agents, const Version& wanted) {
  for (const auto* group : {&servers, &agents})
    for (const auto& version : *group) {
      const auto move = move_between(version, wanted);
      if (move == Move::other_distribution)
        return fmt::format("{} runs, {} is another distribution", version.text(), wanted.text());
      if (move == Move::downgrade)
        return fmt::format("{} runs, which is newer than {}", version.text(), wanted.text());
    }
  for (const auto& server : servers)
    if (!is_allowed(move_between(server, wanted)))
      return fmt::format("a server runs {}, and {} skips a minor release; go to v{}.{} first", server.text(),
                         wanted.text(), server.major, server.minor + 1);
  for (const auto& agent : agents)
    if (!kubelet_fits(agent, wanted))
      return fmt::format("an agent runs {}, which is too old for servers of {}; upgrade the agents first",
                         agent.text(), wanted.text());
  return std::nullopt;
}

}  // namespace hlid::cluster
