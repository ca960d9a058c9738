#include "base/diagnostics.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace hlid {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}  // UTF-8

/// Blanks up to `column` (in bytes), as wide as the text above them.
std::string padding(const std::string& line, std::size_t from, std::size_t column) {
  std::string pad;
  for (std::size_t i = from; i + 1 < column; ++i) {
    if (i < line.size() && continues_character(line[i])) continue;
    pad += i < line.size() && line[i] == '\t' ? '\t' : ' ';
  }
  return pad;
}

/// The line with a caret under the place; of a long line the part around it.
std::string excerpt(const Position& at, const std::vector<std::string>& lines) {
  constexpr std::size_t kWidth = 110;
  if (at.line < 1 || static_cast<std::size_t>(at.line) > lines.size()) return {};
  const std::string& line = lines[static_cast<std::size_t>(at.line - 1)];
  const auto column = static_cast<std::size_t>(std::max(at.column, 1));
  std::size_t from = column > kWidth ? column - kWidth / 2 : 0;
  while (from > 0 && from < line.size() && continues_character(line[from])) --from;
  std::size_t to = std::min(line.size(), from + kWidth);
  while (to < line.size() && continues_character(line[to])) ++to;
  const std::string part = from < line.size() ? line.substr(from, to - from) : "";
  return fmt::format("  {:>4} | {}\n       | {}^\n", at.line, part, padding(line, from, column));
}

/// Nothing that was marked a secret shall be shown by another diagnostic about the same line.
void mask_secrets(const std::vector<Diagnostic>& all, std::vector<std::string>& lines) {
  for (const auto& diagnostic : all) {
    if (!diagnostic.secret || diagnostic.at.line < 1) continue;
    const auto index = static_cast<std::size_t>(diagnostic.at.line - 1);
    if (index >= lines.size() || diagnostic.at.column < 1) continue;
    const auto from = static_cast<std::size_t>(diagnostic.at.column - 1);
    if (from < lines[index].size()) lines[index] = lines[index].substr(0, from) + "********";
  }
}

std::string heading(const Diagnostic& diagnostic) {
  const char* kind = diagnostic.severity == Severity::error ? "error" : "warning";
  const auto& at = diagnostic.at;
  if (at.line == 0) return fmt::format("{}: {}: {}\n", at.file, kind, diagnostic.message);
  return fmt::format("{}:{}:{}: {}: {}\n", at.file, at.line, at.column, kind, diagnostic.message);
}

}  // namespace

void Diagnostics::error(Position at, std::string message, std::string hint) {
  all_.push_back({Severity::error, std::move(at), std::move(message), std::move(hint), false});
}

void Diagnostics::warning(Position at, std::string message, std::string hint) {
  all_.push_back({Severity::warning, std::move(at), std::move(message), std::move(hint), false});
}

void Diagnostics::secret_error(Position at, std::string message, std::string hint) {
  all_.push_back({Severity::error, std::move(at), std::move(message), std::move(hint), true});
}

bool Diagnostics::has_errors() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& d) { return d.severity == Severity::error; });
}

std::string Diagnostics::render(const std::string& source) const {
  auto sorted = all_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  auto lines = lines_of(source);
  mask_secrets(sorted, lines);
  std::string out;
  for (const auto& diagnostic : sorted) {
    out += heading(diagnostic) + excerpt(diagnostic.at, lines);
    if (!diagnostic.hint.empty()) out += fmt::format("  hint: {}\n", diagnostic.hint);
  }
  return out;
}

}  // namespace hlid
