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

std::string excerpt(const Position& at, const std::vector<std::string>& lines) {
  if (at.line < 1 || static_cast<std::size_t>(at.line) > lines.size()) return {};
  const std::string& line = lines[static_cast<std::size_t>(at.line - 1)];
  std::string pad;
  for (int column = 1; column < at.column; ++column) {
    const auto index = static_cast<std::size_t>(column - 1);
    pad += index < line.size() && line[index] == '\t' ? '\t' : ' ';
  }
  return fmt::format("  {:>4} | {}\n       | {}^\n", at.line, line, pad);
}

std::string heading(const Diagnostic& diagnostic) {
  const char* kind = diagnostic.severity == Severity::error ? "error" : "warning";
  const auto& at = diagnostic.at;
  if (at.line == 0) return fmt::format("{}: {}: {}\n", at.file, kind, diagnostic.message);
  return fmt::format("{}:{}:{}: {}: {}\n", at.file, at.line, at.column, kind, diagnostic.message);
}

}  // namespace

void Diagnostics::error(Position at, std::string message, std::string hint) {
  all_.push_back({Severity::error, std::move(at), std::move(message), std::move(hint)});
}

void Diagnostics::warning(Position at, std::string message, std::string hint) {
  all_.push_back({Severity::warning, std::move(at), std::move(message), std::move(hint)});
}

bool Diagnostics::has_errors() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& d) { return d.severity == Severity::error; });
}

std::string Diagnostics::render(const std::string& source) const {
  auto sorted = all_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  const auto lines = lines_of(source);
  std::string out;
  for (const auto& diagnostic : sorted) {
    out += heading(diagnostic) + excerpt(diagnostic.at, lines);
    if (!diagnostic.hint.empty()) out += fmt::format("  hint: {}\n", diagnostic.hint);
  }
  return out;
}

}  // namespace hlid
