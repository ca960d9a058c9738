#include "node/http/target.h"

#include <algorithm>

#include "base/text.h"

namespace hlid::node::http {
namespace {

Format format_of(std::string_view name) {
  if (name == "json") return Format::json;
  if (name == "extjs" || name == "htmljs") return Format::extjs;
  if (name == "html") return Format::html;
  return Format::unknown;
}

bool is_format_name(std::string_view name) {
  return name.size() >= 2 && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

}  // namespace

Target parse_target(std::string_view raw) {
  constexpr std::string_view kBase = "/api2";
  Target target;
  const auto question = raw.find('?');
  if (question != std::string_view::npos) target.query = raw.substr(question + 1);
  const std::string_view path = raw.substr(0, question);
  target.whole = path.find('%') == std::string_view::npos ? std::string(path) : percent_decode(path);
  std::string_view rest = target.whole;
  if (!rest.starts_with(kBase)) return target;
  rest.remove_prefix(kBase.size());
  if (!rest.starts_with('/')) return target;
  while (rest.starts_with('/')) rest.remove_prefix(1);
  const auto name = rest.substr(0, rest.find('/'));
  if (!is_format_name(name)) return target;
  target.is_api = true;
  target.format_name = name;
  target.format = format_of(name);
  target.path = rest.substr(name.size());
  if (target.path.empty()) target.path = "/";
  return target;
}

}  // namespace hlid::node::http
