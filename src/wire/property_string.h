#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hlid::wire {

/// Proxmox's property string "[default,]key=value,…" (pve-common, JSONSchema.pm parse_property_string): no
/// escaping, so a comma in a value is impossible. Keeps the order of its keys.
class PropertyString {
 public:
  /// `default_key` names the value that stands without key. Throws Error(usage) with Proxmox's text for a
  /// duplicate key or a bare word where no default key is known.
  static PropertyString parse(std::string_view text, std::string_view default_key = {});

  std::optional<std::string> get(std::string_view key) const;
  std::string get_or(std::string_view key, std::string_view fallback) const;
  /// Proxmox booleans: 1 on yes true / 0 off no false.
  bool get_bool(std::string_view key, bool fallback) const;
  void set(std::string_view key, std::string value);  ///< in place, or at the end
  void remove(std::string_view key);
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }
  /// The default key's value bare and first, the rest as they stand.
  std::string print(std::string_view default_key = {}) const;
  bool operator==(const PropertyString&) const = default;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

}  // namespace hlid::wire
