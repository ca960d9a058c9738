#include "pve/read.h"

#include "base/error.h"

namespace hlid::pve {
namespace {

[[noreturn]] void wrong_kind(std::string_view what, std::string_view wanted) {
  throw Error(Errc::protocol, "the API's answer for {} is not {}", what, wanted);
}

}  // namespace

const json::array& list_of(const json::value& value, std::string_view what) {
  if (!value.is_array()) wrong_kind(what, "a list");
  return value.as_array();
}

const json::object& object_of(const json::value& value, std::string_view what) {
  if (!value.is_object()) wrong_kind(what, "an object");
  return value.as_object();
}

std::string text_of(const json::value& value, std::string_view what) {
  if (!value.is_string()) wrong_kind(what, "text");
  return std::string(value.as_string());
}

std::string text_or(const json::object& object, std::string_view key, std::string fallback) {
  return get_string(object, key).value_or(std::move(fallback));
}

long long number_or(const json::object& object, std::string_view key, long long fallback) {
  return get_integer(object, key).value_or(fallback);
}

bool flag_or(const json::object& object, std::string_view key, bool fallback) {
  return get_bool(object, key).value_or(fallback);
}

Bytes bytes_or(const json::object& object, std::string_view key) {
  return {number_or(object, key)};
}

std::map<std::string, std::string> texts_of(const json::object& object) {
  std::map<std::string, std::string> texts;
  for (const auto& item : object) {
    if (item.value().is_bool())
      texts.emplace(item.key(), item.value().as_bool() ? "1" : "0");
    else if (auto text = get_string(object, item.key()))
      texts.emplace(item.key(), std::move(*text));
  }
  return texts;
}

std::string bytes_of_latin1(std::string_view utf8) {
  std::string bytes;
  bytes.reserve(utf8.size());
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    const bool two = (byte == 0xC2 || byte == 0xC3) && i + 1 < utf8.size();
    if (!two) {
      bytes += utf8[i];
      continue;
    }
    const auto low = static_cast<unsigned char>(utf8[++i]) & 0x3FU;
    bytes += static_cast<char>(((byte & 0x03U) << 6U) | low);
  }
  return bytes;
}

}  // namespace hlid::pve
