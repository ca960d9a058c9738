#include "cluster/journal.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/text.h"

namespace hlid::cluster {
namespace {

/// The value of `key=…` or `key="…"` in a logrus line (github.com/sirupsen/logrus, TextFormatter).
std::optional<std::string> field(std::string_view line, std::string_view key) {
  const std::string start = std::string(key) + "=";
  const auto at = line.find(start);
  if (at == std::string_view::npos || (at > 0 && line[at - 1] != ' ')) return std::nullopt;
  auto rest = line.substr(at + start.size());
  if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find(' ')));
  std::string value;
  for (std::size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    value += rest[i];
  }
  return value;
}

bool is_trouble(const Traits& traits, std::string_view line) {
  if (find_fatal(traits, line) != nullptr) return true;
  const auto level = field(line, "level");
  if (level) return *level == "error" || *level == "fatal" || *level == "panic";
  return contains(line, "Failed") || contains(line, "code=exited, status=1") || contains(line, "panic:");
}

}  // namespace

std::string plain_line(std::string_view line) {
  const auto message = field(line, "msg"), level = field(line, "level");
  if (!message) return std::string(trim(line));
  const bool plain = !level || *level == "info" || *level == "debug";
  return plain ? *message : *level + ": " + *message;
}

std::vector<std::string> telling_lines(const Traits& traits, const std::vector<std::string>& lines,
                                       std::size_t most) {
  constexpr std::size_t kLast = 4;
  std::vector<std::string> telling;
  for (auto line = lines.rbegin(); line != lines.rend() && telling.size() < most; ++line) {
    const auto plain = plain_line(*line);
    if (!is_trouble(traits, *line) || std::find(telling.begin(), telling.end(), plain) != telling.end())
      continue;
    telling.push_back(plain);
  }
  for (auto line = lines.rbegin(); telling.empty() && line != lines.rend(); ++line) {
    const auto end = std::min(lines.rend(), line + kLast);
    for (; line != end; ++line) telling.push_back(plain_line(*line));
    break;
  }
  std::reverse(telling.begin(), telling.end());
  return telling;
}

const FatalLine* hopeless_line(const Traits& traits, const std::vector<std::string>& lines) {
  for (const auto& line : lines)
    if (const auto* fatal = find_fatal(traits, line); fatal != nullptr && !fatal->retried) return fatal;
  return nullptr;
}

const FatalLine* last_known_trouble(const Traits& traits, const std::vector<std::string>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    if (const auto* fatal = find_fatal(traits, *line)) return fatal;
  return nullptr;
}

std::string progress(const Traits& traits, const std::vector<std::string>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    for (const auto text : traits.progress_lines)
      if (contains(*line, text)) {
        std::string told(text);
        // "ETCD server" and "Kube API" stay as they are called.
        if (told.size() > 1 && std::islower(static_cast<unsigned char>(told[1])) != 0 &&
            !told.starts_with("Kube"))
          told[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(told[0])));
        return told;
      }
  return "";
}

}  // namespace hlid::cluster
