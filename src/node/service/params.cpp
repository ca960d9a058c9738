#include "node/service/params.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/json.h"
#include "base/text.h"
#include "wire/api_error.h"

namespace hlid::node::service {

const std::string& Value::str() const {
  static const std::string empty;
  return items.empty() ? empty : items.front();
}

void Params::add(std::string_view name, std::string value) {
  for (auto& [key, known] : items_) {
    if (key != name) continue;
    known.kind = Value::Kind::array;
    known.items.push_back(std::move(value));
    return;
  }
  items_.emplace_back(std::string(name), Value::text(std::move(value)));
}

void Params::set(std::string_view name, Value value) {
  for (auto& [key, known] : items_) {
    if (key != name) continue;
    known = std::move(value);
    return;
  }
  items_.emplace_back(std::string(name), std::move(value));
}

void Params::erase(std::string_view name) {
  std::erase_if(items_, [&](const auto& item) { return item.first == name; });
}

const Value* Params::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return value.kind == Value::Kind::null ? nullptr : &value;
  }
  return nullptr;
}

std::optional<std::string> Params::get(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  return value->kind == Value::Kind::array ? join(value->items, ",") : value->str();
}

std::string Params::get_or(std::string_view name, std::string_view fallback) const {
  return get(name).value_or(std::string(fallback));
}

std::optional<long long> Params::integer(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::string_view text = value->str();
  if (text.starts_with('+')) text.remove_prefix(1);
  long long number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc()) return std::nullopt;
  return number;
}

int Params::small(std::string_view name, int fallback) const {
  const long long number = integer(name).value_or(fallback);
  return static_cast<int>(
      std::clamp<long long>(number, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
}

bool Params::flag(std::string_view name, bool fallback) const {
  const Value* value = find(name);
  return value == nullptr ? fallback : value->str() == "1";
}

std::vector<std::string> Params::list(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return {};
  if (value->kind == Value::Kind::array) return value->items;
  return split_list(value->str(), std::string_view(",; \t\r\n\0", 7));
}

namespace {
std::string scalar_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* flag = value.if_bool()) return *flag ? "1" : "0";
  if (const auto* number = value.if_double()) return fmt::format("{}", *number);
  return to_text(value);
}

Value from_json(const json::value& value) {
  if (value.is_null()) return {Value::Kind::null, {}};
  if (value.is_bool()) return {Value::Kind::boolean, {scalar_text(value)}};
  if (value.is_object()) return {Value::Kind::object, {}};
  if (const auto* array = value.if_array()) {
    Value result{Value::Kind::array, {}};
    for (const json::value& item : *array) result.items.push_back(item.is_null() ? "" : scalar_text(item));
    return result;
  }
  return Value::text(scalar_text(value));
}
}  // namespace

void add_json_body(Params& params, std::string_view text) {
  if (trim(text).empty()) return;
  const json::value body = parse_json(text, "request body");
  const auto* object = body.if_object();
  if (object == nullptr)
    throw wire::failure("malformed JSON string, neither tag, array, object, number, string or atom");
  for (const auto& item : *object) params.set(std::string_view(item.key()), from_json(item.value()));
}

}  // namespace hlid::node::service
