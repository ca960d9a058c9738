#include "drive/yaml_text.h"

#include <algorithm>
#include <cctype>

#include "base/json.h"

namespace hlid::drive {
namespace {

using spec::Node;

bool is_alphanumeric(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

/// Whether a plain scalar of the source may be written plain again, whatever it stands beside.
bool is_plain(const std::string& text) {
  const auto inner = [](char c) {
    return is_alphanumeric(c) || std::string_view("_./:=+@-").find(c) != std::string_view::npos;
  };
  if (text.empty() || text.back() == ':' || !std::all_of(text.begin(), text.end(), inner)) return false;
  const bool negative =
      text.size() > 1 && text[0] == '-' && std::isdigit(static_cast<unsigned char>(text[1])) != 0;
  return is_alphanumeric(text[0]) || text[0] == '/' || text[0] == '.' || text[0] == '+' || negative;
}

/// A JSON string is a YAML one. What is not written plain was no number or boolean either.
std::string quoted(const std::string& text) {
  return to_text(json::string(text));
}

std::string scalar(const Node& node) {
  return !node.quoted && is_plain(node.text) ? node.text : quoted(node.text);
}

std::string key_text(const std::string& key) {
  const bool letters = !key.empty() && std::isalpha(static_cast<unsigned char>(key[0])) != 0;
  return letters && is_plain(key) ? key : quoted(key);
}

std::string block(const Node& node, std::size_t indent);

/// What follows "key:" or "-": on the same line, or below it.
std::string value(const Node& node, std::size_t indent) {
  switch (node.kind) {
    case Node::Kind::null:
      return " null\n";
    case Node::Kind::scalar:
      return " " + scalar(node) + "\n";
    case Node::Kind::list:
      return node.items.empty() ? " []\n" : "\n" + block(node, indent);
    case Node::Kind::map:
      return node.entries.empty() ? " {}\n" : "\n" + block(node, indent);
  }
  return "\n";
}

std::string block(const Node& node, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string out;
  for (const auto& entry : node.entries)
    out += margin + key_text(entry.key) + ":" + value(*entry.value, indent + 2);
  for (const auto& item : node.items) {
    auto text = value(*item, indent + 2);
    // the first line of a nested block moves up beside the dash
    if (text.front() == '\n') text.erase(0, 1 + indent + 1);
    out += margin + "-" + text;
  }
  return out;
}

}  // namespace

std::string to_yaml(const Node& node) {
  auto text = value(node, 0);
  return text.substr(1);
}

}  // namespace hlid::drive
