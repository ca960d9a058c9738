#include <fmt/format.h>

#include "base/units.h"
#include "spec/field.h"
#include "spec/spec.h"

namespace hlid::spec {
namespace {

constexpr std::string_view kSizePattern = "^[0-9]+(\\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB|K|M|G|T)?$";

json::value as_json(const Field& field, std::string_view text) {
  if (field.kind == Kind::integer) return std::stoll(std::string(text));
  if (field.kind == Kind::boolean) return text == "true";
  if (text == "[]") return json::array();
  return json::string(text);
}

json::object schema_of(const Field& field);

json::object map_schema(std::string_view path) {
  json::object object{{"type", "object"}};
  json::object properties;
  json::array required;
  for (const Field* child : children_of(path)) {
    const auto name = last_name(child->path);
    if (name == "*") {
      const auto keys = child->key != nullptr ? child->key->pattern : std::string_view("^[1-9][0-9]*$");
      object["patternProperties"] = {{keys, schema_of(*child)}};
      continue;
    }
    properties[name] = schema_of(*child);
    if (child->required) required.emplace_back(name);
  }
  if (!properties.empty()) object["properties"] = properties;
  if (!required.empty()) object["required"] = required;
  object["additionalProperties"] = false;
  return object;
}

json::object list_schema(const Field& field) {
  const auto item = schema_of(*find_field(std::string(field.path) + "[]"));
  json::object list{{"type", "array"}, {"items", item}, {"maxItems", field.most}};
  if (field.least > 0) list["minItems"] = field.least;
  if (item.at("type") == "string") list["uniqueItems"] = true;
  if (!field.one_for_many) return list;
  return {{"anyOf", json::array{item, list}}};
}

json::object text_schema(const Field& field) {
  json::object text{{"type", "string"}};
  if (field.bare) text["type"] = json::array{"string", "integer", "boolean"};
  if (!field.choices.empty()) {
    json::array choices;
    for (const auto choice : field.choices) choices.emplace_back(json::string(choice));
    text["enum"] = choices;
  } else if (field.format != nullptr && !field.format->pattern.empty()) {
    text["pattern"] = field.format->pattern;
  }
  return text;
}

json::object kind_schema(const Field& field) {
  switch (field.kind) {
    case Kind::map:
      return map_schema(field.path);
    case Kind::list:
      return list_schema(field);
    case Kind::text:
      return text_schema(field);
    case Kind::integer:
      return {{"type", "integer"}, {"minimum", field.least}, {"maximum", field.most}};
    case Kind::bytes:
      return {{"type", json::array{"string", "integer"}}, {"pattern", kSizePattern}};
    case Kind::boolean:
      return {{"type", "boolean"}};
  }
  return {};
}

json::object schema_of(const Field& field) {
  auto schema = kind_schema(field);
  schema["description"] = field.about;
  const bool plain_list = field.kind == Kind::list && field.fallback != "[]";
  if (!field.fallback.empty() && !plain_list) schema["default"] = as_json(field, field.fallback);
  return schema;
}

}  // namespace

json::value schema() {
  auto top = map_schema("");
  json::object out{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                   {"title", "hlid/v1 homelab file"}};
  for (auto& [key, value] : top) out[key] = value;
  return out;
}

}  // namespace hlid::spec
