#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/units.h"

/// Readers of answers: lenient about numbers that come as text, strict about the shape.
namespace hlid::pve {

/// Throw Error(protocol) that names `what` when the value is of another kind.
const json::array& list_of(const json::value& value, std::string_view what);
const json::object& object_of(const json::value& value, std::string_view what);
std::string text_of(const json::value& value, std::string_view what);

std::string text_or(const json::object& object, std::string_view key, std::string fallback = {});
long long number_or(const json::object& object, std::string_view key, long long fallback = 0);
bool flag_or(const json::object& object, std::string_view key, bool fallback = false);
Bytes bytes_or(const json::object& object, std::string_view key);

/// Every scalar member as text (booleans as 0 and 1): how configurations are compared.
std::map<std::string, std::string> texts_of(const json::object& object);

/// The server decodes a guest's output bytes as Latin-1: gives the bytes back. Code points above 255 are
/// kept.
std::string bytes_of_latin1(std::string_view utf8);

}  // namespace hlid::pve
