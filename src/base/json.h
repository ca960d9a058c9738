#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace hlid {
namespace json = boost::json;

/// Parses JSON text. Throws Error(protocol) that names `source` and the offset. Nesting is limited
/// to 32 levels.
json::value parse_json(std::string_view text, std::string_view source = "JSON");
std::string to_text(const json::value& value);
/// Indented by two blanks, keys in their order, a final newline.
std::string to_pretty_text(const json::value& value);

/// Lenient readers for peers that write the same field as 100 or "100" (Proxmox does). Absent, null or of
/// another kind: nullopt.
std::optional<std::string> get_string(const json::object& object, std::string_view key);
std::optional<long long> get_integer(const json::object& object, std::string_view key);
/// 1, "1", true and 0, "0", false.
std::optional<bool> get_bool(const json::object& object, std::string_view key);
}  // namespace hlid
