#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/diagnostics.h"

/// YAML as a tree that keeps the place of every value. Only what a homelab file may hold: one document,
/// bounded in size, depth and number of values; duplicate keys, merges and keys that are no plain text are
/// errors.
namespace hlid::spec {

struct Node;
using NodePtr = std::shared_ptr<const Node>;  ///< shared, because an alias names the same value twice

struct Entry {
  std::string key;
  Position at;  ///< of the key
  NodePtr value;
};

struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  Position at;
  std::string text;            ///< scalar
  bool quoted = false;         ///< scalar written with quotes: never a number or a boolean
  std::vector<NodePtr> items;  ///< list
  std::vector<Entry> entries;  ///< map, in the order of the file, without duplicates

  const Entry* find(std::string_view key) const;
  /// "a number", "a list" …: what it looks like, for messages.
  std::string looks_like() const;
};

/// The tree, or nullptr when the text is no acceptable YAML; everything found wrong is in `diagnostics`.
NodePtr parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics);

}  // namespace hlid::spec
