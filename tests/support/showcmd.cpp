#include "support/showcmd.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "support/golden.h"
#include "sys/files.h"

namespace hlid::test {

std::string CommandLineCase::header(const std::string& key, const std::string& fallback) const {
  const auto at = headers.find(key);
  return at != headers.end() ? at->second : fallback;
}

std::vector<CommandLineCase> command_line_cases() {
  std::vector<CommandLineCase> cases;
  for (const auto& entry : std::filesystem::directory_iterator(golden_path("cmdline"))) {
    if (entry.path().extension() != ".conf") continue;
    CommandLineCase one{entry.path().stem().string(), sys::read_file(entry.path()), {}};
    for (const auto& line : split(one.config_text, '\n')) {
      const auto colon = line.find(": ");
      if (line.rfind("# ", 0) == 0 && colon != std::string::npos) {
        one.headers[line.substr(2, colon - 2)] = line.substr(colon + 2);
      }
    }
    cases.push_back(std::move(one));
  }
  std::sort(cases.begin(), cases.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return cases;
}

std::vector<std::string> recorded_command(const std::string& name) {
  const auto text = sys::read_file_if_exists(golden_path("cmdline/recorded/" + name + ".txt"));
  if (!text) return {};
  constexpr std::string_view kMark = "# qm showcmd --pretty\n";
  std::vector<std::string> words;
  for (const auto& raw : split(text->substr(text->find(kMark) + kMark.size()), '\n')) {
    std::string line(trim(raw));
    if (line.empty() || line[0] == '#') continue;
    if (line.ends_with(" \\")) line.resize(line.size() - 2);
    // One option and at most one value a line; a value with blanks or commas is in single quotes.
    const auto gap = line.find(' ');
    words.push_back(line.substr(0, gap));
    if (gap == std::string::npos) continue;
    std::string value = line.substr(gap + 1);
    if (value.front() == '\'') {
      words.push_back(value.substr(1, value.size() - 2));
    } else {
      for (const auto& word : split(value, ' ')) words.push_back(word);
    }
  }
  return words;
}

std::string recorded_path(std::string_view volume) {
  const std::string name(volume.substr(volume.find(':') + 1));
  return (name.rfind("iso/", 0) == 0 ? "/var/lib/vz/template/" : "/var/lib/vz/images/") + name;
}

std::string recorded_format(std::string_view volume) {
  return volume.ends_with(".qcow2") ? "qcow2" : "raw";
}

}  // namespace hlid::test
