#include "support/fake_rke2/jsonpath.h"

#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace hlid::fake_rke2 {
namespace {

using Found = std::vector<const json::value*>;

std::string print(const json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : to_text(value);
}

const json::value* child(const json::value& at, const std::string& key) {
  const auto* object = at.if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

Found evaluate(const std::string& path, const json::value& root);

/// `?(@.type=="Ready")` or `?(@.a.b=='x')`.
bool passes(const std::string& filter, const json::value& item) {
  const auto at = filter.find('@');
  auto equals = filter.find("==");
  const bool negated = equals == std::string::npos;
  if (negated) equals = filter.find("!=");
  if (at == std::string::npos || equals == std::string::npos)
    throw Error(Errc::usage, "error: unrecognized filter {}", filter);
  const auto path = std::string(trim(filter.substr(at + 1, equals - at - 1)));
  auto wanted = std::string(trim(filter.substr(equals + 2, filter.rfind(')') - equals - 2)));
  if (wanted.size() > 1 && (wanted.front() == '"' || wanted.front() == '\''))
    wanted = wanted.substr(1, wanted.size() - 2);
  bool same = false;
  for (const auto* value : evaluate(path, item)) same = same || print(*value) == wanted;
  return same != negated;
}

Found select(const Found& from, const std::string& selector) {
  Found out;
  for (const auto* value : from) {
    if (selector.size() > 1 && (selector.front() == '\'' || selector.front() == '"')) {
      if (const auto* inner = child(*value, selector.substr(1, selector.size() - 2))) out.push_back(inner);
      continue;
    }
    const auto* array = value->if_array();
    if (array == nullptr) {
      if (selector == "*" && value->is_object())
        for (const auto& entry : value->as_object()) out.push_back(&entry.value());
      continue;
    }
    if (selector == "*" || selector.starts_with('?')) {
      for (const auto& item : *array)
        if (selector == "*" || passes(selector, item)) out.push_back(&item);
      continue;
    }
    const int index = std::atoi(selector.c_str());
    const auto at = index < 0 ? static_cast<std::size_t>(index + static_cast<int>(array->size()))
                              : static_cast<std::size_t>(index);
    if (at < array->size()) out.push_back(&(*array)[at]);
  }
  return out;
}

/// The end of a bracket that starts at `at`, quotes respected.
std::size_t closing(const std::string& path, std::size_t at) {
  char quote = 0;
  for (std::size_t i = at + 1; i < path.size(); ++i) {
    const char c = path[i];
    if (quote != 0)
      quote = c == quote ? '\0' : quote;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == ']')
      return i;
  }
  throw Error(Errc::usage, "error: unterminated array in {}", path);
}

Found evaluate(const std::string& path, const json::value& root) {
  Found found{&root};
  for (std::size_t i = 0; i < path.size();) {
    if (path[i] == '[') {
      const auto end = closing(path, i);
      found = select(found, path.substr(i + 1, end - i - 1));
      i = end + 1;
      continue;
    }
    if (path[i] == '.' || path[i] == '$' || path[i] == '@') {
      ++i;
      continue;
    }
    std::string key;
    for (; i < path.size() && path[i] != '.' && path[i] != '['; ++i) {
      if (path[i] == '\\' && i + 1 < path.size()) ++i;
      key += path[i];
    }
    Found next;
    for (const auto* value : found)
      if (key == "*") {
        for (const auto* inner : select({value}, "*")) next.push_back(inner);
      } else if (const auto* inner = child(*value, key)) {
        next.push_back(inner);
      }
    found = std::move(next);
  }
  return found;
}

std::string unescape(const std::string& text) {
  return replace_all(replace_all(text, "\\n", "\n"), "\\t", "\t");
}

/// Renders from `at` until {end} or the end of the template; `at` is then behind it.
std::string render(const std::string& text, std::size_t& at, const json::value& root) {
  std::string out;
  while (at < text.size()) {
    if (text[at] != '{') {
      out += text[at++];
      continue;
    }
    std::size_t end = at + 1;
    for (char quote = 0; end < text.size() && (quote != 0 || text[end] != '}'); ++end)
      if (text[end] == '"' || text[end] == '\'')
        quote = quote == 0 ? text[end] : (quote == text[end] ? '\0' : quote);
    const auto inner = std::string(trim(text.substr(at + 1, end - at - 1)));
    at = end + 1;
    if (inner == "end") return out;
    if (inner.size() > 1 && (inner.front() == '"' || inner.front() == '\'')) {
      out += unescape(inner.substr(1, inner.size() - 2));
    } else if (inner.starts_with("range")) {
      const auto body = at;
      const auto items = evaluate(std::string(trim(inner.substr(5))), root);
      if (items.empty()) render(text, at, json::value());
      for (const auto* item : items) {
        at = body;
        out += render(text, at, *item);
      }
    } else {
      std::vector<std::string> parts;
      for (const auto* value : evaluate(inner, root)) parts.push_back(print(*value));
      out += join(parts, " ");
    }
  }
  return out;
}

}  // namespace

std::string jsonpath(const std::string& expression, const json::value& root) {
  std::size_t at = 0;
  // kubectl takes a bare path as well.
  const auto text = expression.find('{') == std::string::npos ? "{" + expression + "}" : expression;
  return render(text, at, root);
}

}  // namespace hlid::fake_rke2
