#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/diagnostics.h"
#include "base/units.h"
#include "spec/field.h"
#include "spec/yaml.h"

namespace hlid::spec {

/// A tree held against the table: known keys, kinds, formats, ranges. Values that are wrong are remembered,
/// so that what reads the tree afterwards takes the default instead and does not complain twice.
struct Checked {
  NodePtr root;
  std::set<std::pair<const Node*, const Field*>> wrong;
};

Checked check_structure(NodePtr root, Diagnostics& diagnostics);

std::optional<std::int64_t> as_integer(const Node& node);
std::optional<bool> as_boolean(const Node& node);

/// An entry of a map whose keys are the user's and whose values are no maps.
struct FreeEntry {
  std::string key;
  Position at;  ///< of the key
  std::vector<std::string> values;
  bool list = false;  ///< written as a list
  const std::string& text() const { return values.front(); }
};

/// One map of a checked tree, read by the names of the table; what is absent or wrong has its default.
class Section {
 public:
  Section(const Checked& checked, const Node* node, std::string path, Position at);

  std::string text(std::string_view name) const;
  int integer(std::string_view name) const;
  Bytes bytes(std::string_view name) const;
  bool flag(std::string_view name) const;
  /// The good items of a list of texts, with their places.
  std::vector<std::pair<std::string, Position>> list(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

  /// Given and right.
  bool has(std::string_view name) const { return value(name) != nullptr; }
  bool empty() const { return node_ == nullptr || node_->entries.empty(); }
  /// Given but wrong: rules about it would only confuse.
  bool is_wrong(std::string_view name) const;
  Position at() const { return at_; }
  Position at(std::string_view name) const;  ///< of the value; of the section when it is not given

  Section map(std::string_view name) const;
  std::vector<Section> maps(std::string_view name) const;  ///< of a list of maps
  std::vector<std::pair<std::string, Section>> entries(
      std::string_view name) const;  ///< of a map with free keys, of maps
  /// Of a map with free keys, of texts or lists; those that are right.
  std::vector<FreeEntry> free_entries(std::string_view name) const;

 private:
  const Field& field(std::string_view name) const;
  const Node* value(std::string_view name) const;
  bool good(const Node* node, const Field& of) const;

  const Checked* checked_;
  const Node* node_;  ///< null: not given
  std::string path_;
  Position at_;
};

}  // namespace hlid::spec
