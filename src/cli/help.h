#pragma once
#include <string>
#include <string_view>
#include <vector>

/// The texts of the .md files beside the commands, compiled in.
namespace hlid::cli {

/// The whole file <name>.md; "" when there is none.
std::string_view help_text(std::string_view name);

/// A help file cut up: what stands under its title, and the rest for the end of `--help`.
struct HelpParts {
  std::string summary;  ///< first paragraph, in one line
  std::string rest;     ///< plain text: headings without marks
};
HelpParts help_parts(std::string_view markdown);

/// Sections "## name" of a Markdown file with their text.
struct Section {
  std::string name;
  std::string text;
};
std::vector<Section> sections_of(std::string_view markdown);

}  // namespace hlid::cli
