#include "template/sshd_config.h"

#include <fnmatch.h>

#include "base/text.h"

namespace hlid::templates {
namespace {

class Parser {
 public:
  explicit Parser(const SshdFiles& files) : files_(files) {}

  void file(const std::string& path, int depth) {
    const auto text = depth < 16 ? files_.read(path) : std::nullopt;
    if (!text) return;
    bool for_all = true;  // until the first Match; a Match ends with its file
    for (const auto& raw : split(*text, '\n')) {
      const auto line = std::string(trim(raw.substr(0, raw.find('#'))));
      if (line.empty()) continue;
      const auto blank = line.find_first_of(" \t=");
      const auto keyword = to_lower(line.substr(0, blank));
      const auto value = blank == std::string::npos ? "" : std::string(trim(line.substr(blank + 1)));
      if (keyword == "match") for_all = to_lower(value) == "all";
      if (!for_all || keyword == "match") continue;
      if (keyword == "include") {
        include(value, depth);
      } else {
        set(keyword, value);
      }
    }
  }

  SshdSettings settings;

 private:
  void include(const std::string& patterns, int depth) {
    for (auto pattern : split_list(patterns, " \t\"")) {
      if (!pattern.starts_with('/')) pattern = "/etc/ssh/" + pattern;
      const auto folder = pattern.substr(0, pattern.rfind('/'));
      for (const auto& name : files_.list(folder))
        if (::fnmatch(pattern.c_str(), (folder + "/" + name).c_str(), FNM_PATHNAME | FNM_PERIOD) == 0)
          file(folder + "/" + name, depth + 1);
    }
  }

  void set(const std::string& keyword, const std::string& value) {
    const auto [at, is_new] = settings.emplace(keyword, value);
    if (!is_new && (keyword == "port" || keyword == "hostkey")) at->second += " " + value;
  }

  const SshdFiles& files_;
};

}  // namespace

SshdSettings effective_sshd_settings(const SshdFiles& files, const std::string& path) {
  Parser parser(files);
  parser.file(path, 0);
  return parser.settings;
}

}  // namespace hlid::templates
