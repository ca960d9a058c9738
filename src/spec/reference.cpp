#include <fmt/format.h>

#include "base/text.h"
#include "base/units.h"
#include "spec/field.h"
#include "spec/spec.h"

namespace hlid::spec {
namespace {

std::string type_of(const Field& field) {
  switch (field.kind) {
    case Kind::map:
      return "map";
    case Kind::list:
      return field.one_for_many ? "one or a list" : "list";
    case Kind::text:
      return field.format == nullptr || field.format->name.empty() ? "text" : std::string(field.format->name);
    case Kind::integer:
      return "number";
    case Kind::bytes:
      return "size";
    case Kind::boolean:
      return "true or false";
  }
  return "";
}

std::string constraint_of(const Field& field) {
  std::vector<std::string> parts;
  if (field.required) parts.emplace_back("required");
  if (!field.choices.empty()) parts.push_back(join({field.choices.begin(), field.choices.end()}, ", "));
  if (field.format != nullptr && !field.format->constraint.empty())
    parts.emplace_back(field.format->constraint);
  if (field.kind == Kind::integer) parts.push_back(fmt::format("{} to {}", field.least, field.most));
  if (field.kind == Kind::bytes)
    parts.push_back(fmt::format("{} to {}", to_string(Bytes{field.least}), to_string(Bytes{field.most})));
  if (field.kind == Kind::list && field.least > 0)
    parts.push_back(fmt::format("{} to {} items", field.least, field.most));
  return join(parts, "; ");
}

std::string code(std::string_view text) {
  return text.empty() ? "" : fmt::format("`{}`", text);
}

std::string default_of(const Field& field) {
  if (!field.fallback.empty()) return code(field.fallback);
  return std::string(field.default_text);
}

/// A list item has a row of its own only when it is a map; its format is shown in the list's row.
bool has_row(const Field& field) {
  return field.kind == Kind::map ||
         field.path.substr(field.path.size() - std::min<std::size_t>(2, field.path.size())) != "[]";
}

std::string row(const Field& field) {
  std::string constraint = constraint_of(field);
  if (field.kind == Kind::list)
    if (const Field* item = find_field(std::string(field.path) + "[]");
        item != nullptr && item->format != nullptr)
      constraint +=
          fmt::format("{}{}", constraint.empty() ? "each: " : "; each: ",
                      item->format->constraint.empty() ? item->format->name : item->format->constraint);
  const auto cells = {code(field.path),         type_of(field),
                      default_of(field),        replace_all(constraint, "|", "\\|"),
                      std::string(field.about), code(field.example)};
  std::string line = "|";
  for (const auto& cell : cells) line += cell.empty() ? " |" : fmt::format(" {} |", cell);
  return line + "\n";
}

}  // namespace

std::string reference() {
  std::string out =
      "# The homelab file\n\n"
      "One YAML document. This page is made from the table that validates the file (`src/spec/field.cpp`); "
      "`hlid schema`\n"
      "prints the same as a JSON Schema for editors. `[]` stands for each item of a list, `*` for a "
      "machine's number within\n"
      "its group or a key of your own. Sizes are written `4GiB`, `512MiB` or `1TiB` (`K`, `M`, `G`, `T` mean "
      "the same powers\n"
      "of two). A secret is never written in the file, only where it is found: `env:NAME`, `file:PATH` or "
      "`cmd:COMMAND`.\n"
      "The shortest file is `examples/minimal.yaml`, the reference homelab `examples/valaskjalf.yaml`.\n\n"
      "| key | type | default | must be | what it is | example |\n|---|---|---|---|---|---|\n";
  for (const auto& field : fields())
    if (has_row(field)) out += row(field);
  return out;
}

}  // namespace hlid::spec
