#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spec/format.h"

/// The one table of the file format: it drives reading, validation, suggestions, the JSON Schema and the
/// reference.
namespace hlid::spec {

enum class Kind { map, list, text, integer, bytes, boolean };

struct Field {
  /// "machines[].overrides.*.cores": "[]" stands for each item of a list, "*" for each key of a map whose
  /// keys are the user's.
  std::string_view path;
  Kind kind = Kind::text;
  std::string_view about;  ///< one sentence for people
  std::string_view example = "";
  std::string_view fallback = "";  ///< the default as it would be written; "" none
  bool required = false;
  const Format* format = nullptr;  ///< of a text
  std::vector<std::string_view> choices = {};
  std::int64_t least = 0, most = 0;  ///< of an integer, or bytes; also how many items a list has
  bool one_for_many = false;         ///< a list that may be written as its only item
  bool secret = false;
  std::string_view default_text = "";  ///< in words, when the default depends on other values
  const Format* key = nullptr;  ///< of "*": how the keys must look; nullptr: they are machines' numbers
  bool bare = false;            ///< a text that may be written as a number or true and false, too
};

const std::vector<Field>& fields();
/// nullptr when there is none.
const Field* find_field(std::string_view path);
/// The fields right below a map: those of "proxmox", of "machines[]" …; "" is the top.
std::vector<const Field*> children_of(std::string_view path);
/// "cores" of "machines[].cores".
std::string_view last_name(std::string_view path);

}  // namespace hlid::spec
