#include "node/service/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>

#include "base/text.h"
#include "node/service/formats.h"
#include "node/service/property_check.h"
#include "wire/api_error.h"

namespace hlid::node::service {
namespace {

constexpr std::string_view kMissing = "property is missing and it is not optional";
constexpr std::string_view kUnknown =
    "property is not defined in schema and the schema does not allow additional properties";

std::string_view name_of(Property::Type type) {
  switch (type) {
    case Property::Type::string:
      return "string";
    case Property::Type::integer:
      return "integer";
    case Property::Type::number:
      return "number";
    case Property::Type::boolean:
      return "boolean";
    case Property::Type::array:
      return "array";
    case Property::Type::null:
      return "null";
  }
  return "string";
}

bool is_integer(std::string_view text) {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<double> as_number(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with('+')) rest.remove_prefix(1);
  double number = 0;
  const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (rest.empty() || result.ec == std::errc::invalid_argument || result.ptr != rest.data() + rest.size()) {
    return std::nullopt;
  }
  if (result.ec == std::errc::result_out_of_range || !std::isfinite(number)) return HUGE_VAL;
  return number;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Perl's name of what is not a scalar, as its type check prints it.
std::string_view reference_name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::array:
      return "ARRAY";
    case Value::Kind::object:
      return "HASH";
    case Value::Kind::boolean:
      return "JSON::PP::Boolean";
    case Value::Kind::text:
    case Value::Kind::null:
      return "";
  }
  return "";
}

/// Empty: the value is of the property's type.
std::string type_problem(const Property& property, const Value& value) {
  const std::string_view type = name_of(property.type);
  if (property.type == Property::Type::array) {
    return value.kind == Value::Kind::array ? "" : fmt::format("type check ('{}') failed", type);
  }
  if (value.kind == Value::Kind::boolean && property.type == Property::Type::boolean) return {};
  if (value.kind != Value::Kind::text) {
    return fmt::format("type check ('{}') failed - got {}", type, reference_name(value.kind));
  }
  const std::string& text = value.str();
  const bool fits = property.type == Property::Type::string ||
                    (property.type == Property::Type::boolean && (text == "0" || text == "1")) ||
                    (property.type == Property::Type::integer && is_integer(text)) ||
                    (property.type == Property::Type::number && as_number(text).has_value());
  return fits ? std::string() : fmt::format("type check ('{}') failed - got '{}'", type, text);
}

std::string range_problem(const Property& property, const std::string& text) {
  const auto number = as_number(text);
  if (!number) return {};
  if (property.maximum && *number > *property.maximum) {
    return fmt::format("value must have a maximum value of {}", *property.maximum);
  }
  if (property.minimum && *number < *property.minimum) {
    return fmt::format("value must have a minimum value of {}", *property.minimum);
  }
  return {};
}

/// What is wrong with the text, in Proxmox's order: format, pattern, lengths, range, enumeration.
std::string text_problem(const std::string& path, const Property& property, const std::string& text) {
  if (!property.format.empty()) {
    const std::string problem = property_format_problem(property.format, text, path);
    if (!problem.empty()) return "invalid format - " + problem;
  }
  if (!property.pattern.empty() && !matches(text, property.pattern))
    return "value does not match the regex pattern";
  if (property.max_length && characters(text) > *property.max_length) {
    return fmt::format("value may only be {} characters long", *property.max_length);
  }
  if (property.min_length && characters(text) < *property.min_length) {
    return fmt::format("value must be at least {} characters long", *property.min_length);
  }
  if (auto problem = range_problem(property, text); !problem.empty()) return problem;
  if (!property.enumeration.empty() &&
      std::ranges::find(property.enumeration, text) == property.enumeration.end()) {
    return fmt::format("value '{}' does not have a value in the enumeration '{}'", text,
                       join(property.enumeration, ", "));
  }
  return {};
}

void add_error(Errors& errors, const std::string& path, std::string_view problem) {
  std::string& text = errors[path];
  text = text.empty() ? std::string(problem) : text + "\\n" + std::string(problem);
}

/// Proxmox turns what came the wrong way for an array or a list parameter into the right one.
void adapt(const Property& property, Value& value) {
  if (property.type == Property::Type::array && value.kind == Value::Kind::text)
    value.kind = Value::Kind::array;
  if (value.kind == Value::Kind::array && property.type == Property::Type::string &&
      property.format.ends_with("-list")) {
    value = Value::text(join(value.items, ","));
  }
}

std::string under(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

void check_missing(const Schema& schema, const Params& params, const std::string& path, Errors& errors) {
  for (const auto& [name, property] : schema.own) {
    if (!property->optional && !params.has(name)) add_error(errors, under(path, name), kMissing);
  }
  if (schema.shared == nullptr) return;
  for (const auto& [name, property] : *schema.shared) {
    if (!property->optional && schema.own.find(name) == schema.own.end() && !params.has(name)) {
      add_error(errors, under(path, name), kMissing);
    }
  }
}

}  // namespace

const Property* Schema::find(std::string_view name) const {
  if (const auto found = own.find(name); found != own.end()) return found->second.get();
  if (shared == nullptr) return nullptr;
  const auto found = shared->find(name);
  return found == shared->end() ? nullptr : found->second.get();
}

void check_value(const std::string& path, const Property& property, const Value& value, Errors& errors) {
  if (const std::string problem = type_problem(property, value); !problem.empty()) {
    add_error(errors, path, problem);
    return;
  }
  if (property.type == Property::Type::array) {
    for (std::size_t i = 0; property.items != nullptr && i < value.items.size(); ++i) {
      check_value(fmt::format("{}[{}]", path, i), *property.items, Value::text(value.items[i]), errors);
    }
    return;
  }
  if (const std::string problem = text_problem(path, property, value.str()); !problem.empty()) {
    add_error(errors, path, problem);
  }
}

Errors check(const Schema& schema, Params& params, const std::string& path) {
  Errors errors;
  check_missing(schema, params, path, errors);
  for (auto& [name, value] : params.items()) {
    const Property* property = schema.find(name);
    const std::string full = under(path, name);
    if (property == nullptr) {
      add_error(errors, full, kUnknown);
      continue;
    }
    if (value.kind == Value::Kind::null) continue;
    adapt(*property, value);
    check_value(full, *property, value, errors);
    if (!property->needs.empty() && !params.has(property->needs)) {
      add_error(errors, under(path, property->needs),
                fmt::format("missing property - '{}' requires this property", full));
    }
  }
  return errors;
}

void require_valid(const Schema& schema, Params& params) {
  Errors errors = check(schema, params);
  if (!errors.empty()) throw wire::ApiError(400, "Parameter verification failed.", std::move(errors));
}

}  // namespace hlid::node::service
