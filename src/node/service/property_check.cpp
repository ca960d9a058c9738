#include "node/service/property_check.h"

#include <fmt/format.h>

#include "base/text.h"
#include "node/service/formats.h"
#include "node/service/schema.h"

namespace hlid::node::service {
namespace {

std::string default_key_of(const Properties& format) {
  for (const auto& [name, property] : format) {
    if (property->default_key) return name;
  }
  return {};
}

/// Booleans have many spellings inside property strings.
std::string canonical(const Property* property, std::string value) {
  if (property == nullptr || property->type != Property::Type::boolean) return value;
  const std::string word = to_lower(value);
  if (word == "1" || word == "on" || word == "yes" || word == "true") return "1";
  if (word == "0" || word == "off" || word == "no" || word == "false") return "0";
  return value;
}

/// Splits the text into `out`; empty when that went well.
std::string parse(const Properties& format, const std::string& text, Params& out) {
  const auto property_of = [&](const std::string& key) -> const Property* {
    const auto found = format.find(key);
    return found == format.end() ? nullptr : found->second.get();
  };
  for (const std::string& part : split(text, ',')) {
    if (trim(part).empty()) continue;
    const auto equals = part.find('=');
    if (equals == 0 || equals == part.size() - 1) return "missing key in comma-separated list property\n";
    std::string key = equals == std::string::npos ? default_key_of(format) : part.substr(0, equals);
    if (key.empty()) return "value without key, but schema does not define a default key\n";
    if (out.has(key)) return fmt::format("duplicate key in comma-separated list property: {}\n", key);
    if (const Property* property = property_of(key); property != nullptr && !property->alias.empty()) {
      if (!property->key_alias.empty()) {
        if (out.has(property->key_alias))
          return fmt::format("key alias '{}' is already defined\n", property->key_alias);
        out.set(property->key_alias, Value::text(key));
      }
      key = property->alias;
    }
    out.set(key, Value::text(canonical(property_of(key),
                                       equals == std::string::npos ? part : part.substr(equals + 1))));
  }
  return {};
}

/// Aliases are not properties of their own.
Schema schema_of(const Properties& format) {
  Schema schema;
  for (const auto& [name, property] : format) {
    if (property->alias.empty()) schema.own.emplace(name, property);
  }
  return schema;
}

}  // namespace

std::string property_format_problem(std::string_view format, const std::string& text,
                                    const std::string& path) {
  if (format.starts_with('@')) format.remove_prefix(1);
  const Properties* keys = find_property_string_format(format);
  if (keys == nullptr) return format_problem(format, text);
  Params params;
  if (auto problem = parse(*keys, text, params); !problem.empty()) return problem;
  const Errors errors = check(schema_of(*keys), params, path);
  if (errors.empty()) return {};
  std::string result = "format error\n";
  for (const auto& [key, problem] : errors) result += fmt::format("{}: {}\n", key, problem);
  return result;
}

}  // namespace hlid::node::service
