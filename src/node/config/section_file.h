// Proxmox VE's "section config" text (`storage.cfg`): paragraphs of `TYPE: ID` followed by indented `KEY
// VALUE` lines.
//
// Contract: parse(print(x)) == x when no value has a line break; order of sections and of keys is kept.
// Unknown types and keys are kept as they are: what they mean is the storage module's business.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hlid::node::config {

struct SectionEntry {
  std::string type;
  std::string id;
  std::vector<std::pair<std::string, std::string>> values;  // a flag without a value has an empty one

  const std::string* find(std::string_view key) const;
  void set(std::string_view key, std::string_view value);
  bool erase(std::string_view key);
  bool operator==(const SectionEntry&) const = default;
};

struct SectionFile {
  std::vector<SectionEntry> sections;

  const SectionEntry* find(std::string_view id) const;
  SectionEntry* find(std::string_view id);
  /// True if there was one.
  bool erase(std::string_view id);
  bool operator==(const SectionFile&) const = default;
};

/// Never throws: lines that fit nowhere are left out. A later section with the same id replaces the earlier
/// one.
SectionFile parse_section_file(std::string_view text);
std::string print_section_file(const SectionFile& file);

}  // namespace hlid::node::config
