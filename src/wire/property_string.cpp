#include "wire/property_string.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace hlid::wire {
namespace {

auto find(auto& items, std::string_view key) {
  return std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.first == key; });
}

/// Whether a value without its key would be read as that value again.
bool reads_back_bare(std::string_view value) {
  return !value.empty() && value.find('=') == std::string_view::npos && trim(value) == value;
}

}  // namespace

PropertyString PropertyString::parse(std::string_view text, std::string_view default_key) {
  PropertyString result;
  for (const auto& part : split(text, ',')) {
    const auto piece = trim(part);
    if (piece.empty()) continue;
    const auto equals = piece.find('=');
    const auto key = equals == std::string_view::npos ? default_key : piece.substr(0, equals);
    if (key.empty()) throw Error(Errc::usage, "value without key, but schema does not define a default key");
    if (result.get(key)) throw Error(Errc::usage, "duplicate key in comma-separated list property: {}", key);
    result.items_.emplace_back(key, equals == std::string_view::npos ? piece : piece.substr(equals + 1));
  }
  return result;
}

std::optional<std::string> PropertyString::get(std::string_view key) const {
  const auto item = find(items_, key);
  if (item == items_.end()) return std::nullopt;
  return item->second;
}

std::string PropertyString::get_or(std::string_view key, std::string_view fallback) const {
  return get(key).value_or(std::string(fallback));
}

bool PropertyString::get_bool(std::string_view key, bool fallback) const {
  const auto value = get(key);
  if (!value) return fallback;
  const auto lower = to_lower(*value);
  return lower == "1" || lower == "on" || lower == "yes" || lower == "true";
}

void PropertyString::set(std::string_view key, std::string value) {
  const auto item = find(items_, key);
  if (item != items_.end()) {
    item->second = std::move(value);
  } else {
    items_.emplace_back(key, std::move(value));
  }
}

void PropertyString::remove(std::string_view key) {
  const auto item = find(items_, key);
  if (item != items_.end()) items_.erase(item);
}

std::string PropertyString::print(std::string_view default_key) const {
  std::vector<std::string> parts;
  if (!default_key.empty())
    if (const auto value = get(default_key))
      parts.push_back(reads_back_bare(*value) ? *value : std::string(default_key) + "=" + *value);
  for (const auto& [key, value] : items_)
    if (default_key.empty() || key != default_key) parts.push_back(key + "=" + value);
  return join(parts, ",");
}

}  // namespace hlid::wire
