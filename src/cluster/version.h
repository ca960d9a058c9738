#pragma once
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Releases as they are called, their order, and which way from one to another Kubernetes allows
/// (kubernetes.io/releases/version-skew-policy). Pure.
namespace hlid::cluster {

/// "v1.34.1+rke2r1", "v1.34.1+k3s1".
struct Version {
  int major = 1;
  int minor = 0;
  int patch = 0;
  std::string distribution;  ///< "rke2", "k3s"
  int build = 1;

  /// nullopt for anything else, release candidates included: they are not installed.
  static std::optional<Version> parse(std::string_view text);
  std::string text() const;
  std::string url_text() const;    ///< '+' as %2B
  std::string image_tag() const;   ///< '+' as '-': tags of images cannot have it
  std::string minor_text() const;  ///< "v1.34"

  bool operator==(const Version&) const = default;
  /// Older to newer within a distribution; across distributions by name, which means nothing.
  std::strong_ordering operator<=>(const Version& other) const;
};

/// What going from one release to another would be.
enum class Move { none, patch, next_minor, skips_minor, downgrade, other_distribution };
Move move_between(const Version& from, const Version& to);
/// One step that is allowed: none, patch or next_minor.
bool is_allowed(Move move);
/// Throws Error(precondition) unless is_allowed, with what can be done instead as the hint.
void require_move(const Version& from, const Version& to);

/// A kubelet is never newer than the API server it talks to and at most three minor releases older.
bool kubelet_fits(const Version& kubelet, const Version& server);
/// API servers of one cluster are at most one minor release apart.
bool servers_fit(const Version& one, const Version& other);

/// Why a cluster that runs these may not be taken to `wanted` (the oldest server decides, agents are taken
/// along afterwards); nullopt: it may. A mixture that an interrupted upgrade left is fine.
std::optional<std::string> upgrade_refusal(const std::vector<Version>& servers,
                                           const std::vector<Version>& agents, const Version& wanted);

}  // namespace hlid::cluster
