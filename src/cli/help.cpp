#include "cli/help.h"

#include "base/text.h"

namespace hlid::cli {

HelpParts help_parts(std::string_view markdown) {
  HelpParts parts;
  bool in_summary = true;
  for (const auto& line : split(markdown, '\n')) {
    if (line.starts_with("# ")) continue;
    if (in_summary && line.empty()) {
      in_summary = parts.summary.empty();
      continue;
    }
    if (in_summary) {
      parts.summary += (parts.summary.empty() ? "" : " ") + line;
    } else {
      parts.rest += (line.starts_with("## ") ? line.substr(3) + ":" : line) + "\n";
    }
  }
  parts.rest = std::string(trim(parts.rest));
  return parts;
}

std::vector<Section> sections_of(std::string_view markdown) {
  std::vector<Section> sections;
  for (const auto& line : split(markdown, '\n')) {
    if (line.starts_with("## ")) {
      sections.push_back({line.substr(3), {}});
    } else if (!sections.empty()) {
      sections.back().text += line + "\n";
    }
  }
  for (auto& section : sections) section.text = std::string(trim(section.text));
  return sections;
}

}  // namespace hlid::cli
