// The parameters of a call, whatever way they came: query, form, JSON body or path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hlid::node::service {

/// One value. Proxmox's callers write the same thing as "1", 1 or true: all is text here.
struct Value {
  enum class Kind { text, boolean, array, object, null };
  Kind kind = Kind::text;
  std::vector<std::string> items;  ///< one for text and boolean, any number for an array

  static Value text(std::string value) { return {Kind::text, {std::move(value)}}; }
  const std::string& str() const;
};

class Params {
 public:
  /// A name that comes twice becomes an array.
  void add(std::string_view name, std::string value);
  void set(std::string_view name, Value value);
  void erase(std::string_view name);

  const Value* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::optional<std::string> get(std::string_view name) const;
  std::string get_or(std::string_view name, std::string_view fallback) const;
  /// Of validated parameters, so the text is a number.
  std::optional<long long> integer(std::string_view name) const;
  /// As integer(), kept within int.
  int small(std::string_view name, int fallback) const;
  bool flag(std::string_view name, bool fallback = false) const;
  /// The items of an array, or of Proxmox's lists ("a,b;c d").
  std::vector<std::string> list(std::string_view name) const;

  std::vector<std::pair<std::string, Value>>& items() { return items_; }
  const std::vector<std::pair<std::string, Value>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, Value>> items_;  // few: a scan is faster than a tree
};

/// Adds the members of a JSON object. Throws ApiError 500 with Proxmox's kind of text for anything but an
/// object.
void add_json_body(Params& params, std::string_view text);

}  // namespace hlid::node::service
