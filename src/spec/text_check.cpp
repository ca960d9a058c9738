#include "spec/text_check.h"

#include <algorithm>

#include <fmt/format.h>

namespace hlid::spec {
namespace {

constexpr std::size_t kMostBytes = 1U << 20;

Position place_of(std::string_view text, std::size_t offset, const std::string& file) {
  const auto before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n');
  const auto column = start == std::string_view::npos ? offset + 1 : offset - start;
  return {file, static_cast<int>(line), static_cast<int>(column)};
}

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

/// The length of the well-formed character at `at`, 0 when there is none.
std::size_t character_length(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  unsigned low = 0x80;  // bounds of the second byte: no overlong forms, surrogates or numbers beyond U+10FFFF
  unsigned high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  const unsigned second = byte_at(text, at + 1);
  if (second < low || second > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((byte_at(text, at + i) & 0xC0U) != 0x80U) return 0;
  return length;
}

bool is_forbidden(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F;
}

void check_tabs(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  constexpr int kMostSaid = 20;
  int said = 0;
  int number = 0;
  for (std::size_t start = 0; start < text.size() && said < kMostSaid;) {
    ++number;
    const auto end = std::min(text.find('\n', start), text.size());
    const auto line = text.substr(start, end - start);
    const auto first = line.find_first_not_of(' ');
    const auto content = line.find_first_not_of(" \t\r");
    const bool blank = content == std::string_view::npos || line[content] == '#';
    if (!blank && line[first] == '\t') {
      diagnostics.error({file, number, static_cast<int>(first) + 1}, "a tab in the indentation",
                        "YAML is indented with blanks");
      ++said;
    }
    start = end + 1;
  }
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto length = character_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

bool check_text(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  if (text.size() > kMostBytes) {
    diagnostics.error({file, 0, 0}, fmt::format("the file has {} bytes, more than 1 MiB", text.size()),
                      "is it the right file?");
    return false;
  }
  if (const auto bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    diagnostics.error(place_of(text, bad, file), "not UTF-8 text", "save the file as UTF-8");
    return false;
  }
  if (const auto bad = std::find_if(text.begin(), text.end(), is_forbidden); bad != text.end()) {
    diagnostics.error(place_of(text, static_cast<std::size_t>(bad - text.begin()), file),
                      fmt::format("control character 0x{:02x}", static_cast<unsigned char>(*bad)),
                      "remove it");
    return false;
  }
  check_tabs(text, file, diagnostics);
  return !diagnostics.has_errors();
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string out;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = std::max<std::size_t>(character_length(text, at), 1);
    if (++characters > kMost) return out + "…";
    const auto piece = text.substr(at, length);
    out += piece == "\n"                    ? std::string_view("⏎")
           : piece == "\t" || piece == "\r" ? std::string_view(" ")
                                            : piece;
    at += length;
  }
  return out;
}

}  // namespace hlid::spec
