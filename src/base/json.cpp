#include "base/json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"

namespace hlid {

json::value parse_json(std::string_view text, std::string_view source) {
  json::error_code failure;
  json::parse_options options;
  options.max_depth = 32;
  json::value value = json::parse({text.data(), text.size()}, failure, {}, options);
  if (failure) throw Error(Errc::protocol, "{} is not valid JSON: {}", source, failure.message());
  return value;
}

namespace {

/// Boost prints doubles as 0E0 and 9.5E-3, which is JSON but surprises readers: 0 and 0.0095 here.
void write(const json::value& value, std::string& out) {
  if (const auto* object = value.if_object()) {
    out += '{';
    for (const auto& member : *object) {
      if (out.back() != '{') out += ',';
      out += json::serialize(json::string(member.key()));
      out += ':';
      write(member.value(), out);
    }
    out += '}';
  } else if (const auto* array = value.if_array()) {
    out += '[';
    for (const json::value& item : *array) {
      if (out.back() != '[') out += ',';
      write(item, out);
    }
    out += ']';
  } else if (const auto* number = value.if_double(); number != nullptr && std::isfinite(*number)) {
    out += fmt::format("{}", *number);
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string to_text(const json::value& value) {
  std::string out;
  write(value, out);
  return out;
}

namespace {

void print(const json::value& value, std::string& out, std::size_t indent);

template <typename Items, typename PrintItem>
void print_items(const Items& items, char open, char close, std::string& out, std::size_t indent,
                 PrintItem print_item) {
  out += open;
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    out += '\n' + std::string(indent + 2, ' ');
    print_item(item);
  }
  if (!first) out += '\n' + std::string(indent, ' ');
  out += close;
}

void print(const json::value& value, std::string& out, std::size_t indent) {
  if (const auto* object = value.if_object()) {
    print_items(*object, '{', '}', out, indent, [&](const auto& member) {
      out += json::serialize(member.key()) + ": ";
      print(member.value(), out, indent + 2);
    });
  } else if (const auto* array = value.if_array()) {
    print_items(*array, '[', ']', out, indent, [&](const auto& item) { print(item, out, indent + 2); });
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string to_pretty_text(const json::value& value) {
  std::string out;
  print(value, out, 0);
  return out + '\n';
}

std::optional<std::string> get_string(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr) return std::nullopt;
  if (const auto* text = value->if_string()) return std::string(text->data(), text->size());
  if (value->is_int64() || value->is_uint64() || value->is_double()) return json::serialize(*value);
  return std::nullopt;
}

std::optional<long long> get_integer(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  if (value->is_uint64()) return static_cast<long long>(value->get_uint64());
  if (value->is_double()) return std::llround(value->get_double());
  if (value->is_bool()) return value->get_bool() ? 1 : 0;
  const auto* text = value->if_string();
  if (text == nullptr) return std::nullopt;
  long long number = 0;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (failure != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::optional<bool> get_bool(const json::object& object, std::string_view key) {
  if (const auto* value = object.if_contains({key.data(), key.size()}); value != nullptr && value->is_bool())
    return value->get_bool();
  const auto number = get_integer(object, key);
  if (!number) return std::nullopt;
  return *number != 0;
}

}  // namespace hlid
