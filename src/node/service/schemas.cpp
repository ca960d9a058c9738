// Reads the compiled-in schema data into the structures that are checked against.
#include <fmt/format.h>

#include "base/json.h"
#include "node/service/schema.h"
#include "node/service/schema_data.h"

namespace hlid::node::service {
namespace {

Property::Type type_of(std::string_view name) {
  if (name == "integer") return Property::Type::integer;
  if (name == "number") return Property::Type::number;
  if (name == "boolean") return Property::Type::boolean;
  if (name == "array") return Property::Type::array;
  if (name == "null") return Property::Type::null;
  return Property::Type::string;
}

std::optional<double> number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? std::nullopt : std::optional(value->to_number<double>());
}

std::optional<std::size_t> length_of(const json::object& object, std::string_view key) {
  const auto value = get_integer(object, key);
  return value ? std::optional(static_cast<std::size_t>(*value)) : std::nullopt;
}

std::shared_ptr<const Property> read_property(const json::object& object) {
  auto property = std::make_shared<Property>();
  property->type = type_of(get_string(object, "type").value_or("string"));
  property->optional = object.contains("optional") || object.contains("alias");
  property->default_key = object.contains("default_key");
  if (const auto* words = object.if_contains("enum")) {
    for (const json::value& word : words->as_array()) property->enumeration.emplace_back(word.as_string());
  }
  property->minimum = number_of(object, "min");
  property->maximum = number_of(object, "max");
  property->min_length = length_of(object, "minLength");
  property->max_length = length_of(object, "maxLength");
  property->pattern = get_string(object, "pattern").value_or("");
  property->format = get_string(object, "format").value_or("");
  property->needs = get_string(object, "requires").value_or("");
  property->alias = get_string(object, "alias").value_or("");
  property->key_alias = get_string(object, "keyAlias").value_or("");
  if (const auto* items = object.if_contains("items")) property->items = read_property(items->as_object());
  return property;
}

/// "net[n]" stands for net0 … net31.
void read_properties(const json::object& object, Properties& out) {
  static const json::value ranges = parse_json(data::kIndexRanges, "index ranges");
  for (const auto& item : object) {
    std::string_view name = item.key();
    const auto property = read_property(item.value().as_object());
    if (!name.ends_with("[n]")) {
      out.emplace(name, property);
      continue;
    }
    name.remove_suffix(3);
    const auto& range = ranges.as_object().at(name).as_array();
    for (auto n = range.at(0).to_number<int>(); n <= range.at(1).to_number<int>(); ++n) {
      out.emplace(fmt::format("{}{}", name, n), property);
    }
  }
}

std::shared_ptr<const Properties> read_set(const char* text) {
  auto properties = std::make_shared<Properties>();
  read_properties(parse_json(text, "parameter set").as_object(), *properties);
  return properties;
}

}  // namespace

Schemas::Schemas() {
  const std::map<std::string, std::shared_ptr<const Properties>, std::less<>> sets = {
      {"qemu-config", read_set(data::kSet_qemu_config)},
      {"storage-config", read_set(data::kSet_storage_config)}};
  const json::value verbs = parse_json(data::kVerbs, "verb schemas");
  for (const auto& item : verbs.as_object()) {
    const auto& object = item.value().as_object();
    Schema schema;
    read_properties(object.at("params").as_object(), schema.own);
    if (const auto set = get_string(object, "from")) schema.shared = sets.at(*set);
    verbs_.emplace(std::string(item.key()), std::move(schema));
  }
}

const Schema* Schemas::find(std::string_view method, std::string_view path) const {
  const auto found = verbs_.find(fmt::format("{} {}", method, path));
  return found == verbs_.end() ? nullptr : &found->second;
}

const Properties* find_property_string_format(std::string_view name) {
  static const auto formats = [] {
    std::map<std::string, Properties, std::less<>> table;
    const json::value all = parse_json(data::kFormats, "formats");
    for (const auto& item : all.as_object()) {
      read_properties(item.value().as_object(), table[std::string(item.key())]);
    }
    table["pve-qm-ide"] = table["ide"];
    return table;
  }();
  const auto found = formats.find(name);
  return found == formats.end() ? nullptr : &found->second;
}

}  // namespace hlid::node::service
