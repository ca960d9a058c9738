#include "node/config/section_file.h"

#include <algorithm>

namespace hlid::node::config {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view trim(std::string_view s) {
  const auto first = s.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(kBlanks) - first + 1);
}

bool is_type(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

const std::string* SectionEntry::find(std::string_view key) const {
  const auto at = std::find_if(values.begin(), values.end(), [key](const auto& v) { return v.first == key; });
  return at != values.end() ? &at->second : nullptr;
}

void SectionEntry::set(std::string_view key, std::string_view value) {
  const auto at = std::find_if(values.begin(), values.end(), [key](const auto& v) { return v.first == key; });
  if (at != values.end()) {
    at->second = std::string(value);
  } else {
    values.emplace_back(key, value);
  }
}

bool SectionEntry::erase(std::string_view key) {
  return std::erase_if(values, [key](const auto& v) { return v.first == key; }) != 0;
}

const SectionEntry* SectionFile::find(std::string_view id) const {
  const auto at = std::find_if(sections.begin(), sections.end(), [id](const auto& s) { return s.id == id; });
  return at != sections.end() ? &*at : nullptr;
}

SectionEntry* SectionFile::find(std::string_view id) {
  const auto at = std::find_if(sections.begin(), sections.end(), [id](const auto& s) { return s.id == id; });
  return at != sections.end() ? &*at : nullptr;
}

bool SectionFile::erase(std::string_view id) {
  return std::erase_if(sections, [id](const auto& s) { return s.id == id; }) != 0;
}

SectionFile parse_section_file(std::string_view text) {
  SectionFile file;
  SectionEntry* open = nullptr;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const std::string_view bare = trim(line);
    if (bare.empty()) {
      open = nullptr;
      continue;
    }
    if (bare.front() == '#') continue;
    if (kBlanks.find(line.front()) == std::string_view::npos) {
      const auto colon = bare.find(':');
      open = nullptr;
      if (colon == std::string_view::npos || !is_type(bare.substr(0, colon))) continue;
      const std::string_view id = trim(bare.substr(colon + 1));
      if (id.empty()) continue;
      file.erase(id);
      file.sections.push_back({std::string(bare.substr(0, colon)), std::string(id), {}});
      open = &file.sections.back();
    } else if (open != nullptr) {
      const auto gap = std::min(bare.find_first_of(kBlanks), bare.size());
      open->set(bare.substr(0, gap), trim(bare.substr(gap)));
    }
  }
  return file;
}

std::string print_section_file(const SectionFile& file) {
  std::string out;
  for (const auto& section : file.sections) {
    out += section.type + ": " + section.id + "\n";
    for (const auto& [key, value] : section.values) {
      out += '\t';
      out += key;
      if (!value.empty()) out += " " + value;
      out += '\n';
    }
    out += '\n';
  }
  return out;
}

}  // namespace hlid::node::config
