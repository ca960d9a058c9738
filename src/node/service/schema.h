// Parameter schemas as data, checked with Proxmox's own words (pve-common, JSONSchema.pm: validate,
// check_prop).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/service/params.h"

namespace hlid::node::service {

struct Property {
  enum class Type { string, integer, number, boolean, array, null };
  Type type = Type::string;
  bool optional = false;
  bool default_key = false;  ///< in a property string: the key that may be left out
  std::vector<std::string> enumeration;
  std::optional<double> minimum;
  std::optional<double> maximum;
  std::optional<std::size_t> min_length;
  std::optional<std::size_t> max_length;
  std::string pattern;
  std::string format;
  std::string needs;      ///< another property that must be there too
  std::string alias;      ///< in a property string: this key means that one …
  std::string key_alias;  ///< … and its own name is the value of that one (net: virtio=MAC)
  std::shared_ptr<const Property> items;
};

using Properties = std::map<std::string, std::shared_ptr<const Property>, std::less<>>;
using Errors = std::map<std::string, std::string>;

/// The parameters of one verb: its own, and a set that several share.
struct Schema {
  Properties own;
  std::shared_ptr<const Properties> shared;

  const Property* find(std::string_view name) const;
};

/// Every schema of the node, read once from the data compiled in.
class Schemas {
 public:
  Schemas();
  /// "GET", "/nodes/{node}/status". nullptr: no such verb.
  const Schema* find(std::string_view method, std::string_view path) const;

 private:
  std::map<std::string, Schema, std::less<>> verbs_;
};

/// The keys of a property string format, such as "net"; nullptr when there is none of that name.
const Properties* find_property_string_format(std::string_view name);

/// Everything that is wrong, by parameter. Scalars given for an array parameter become arrays of one, and
/// arrays given for a list parameter become its text, as Proxmox does. `path` goes before the names ("net0":
/// "net0.model").
Errors check(const Schema& schema, Params& params, const std::string& path = {});
/// Throws ApiError 400 when there are errors.
void require_valid(const Schema& schema, Params& params);

/// Checks one value, with `path` as its name in `errors`.
void check_value(const std::string& path, const Property& property, const Value& value, Errors& errors);

}  // namespace hlid::node::service
