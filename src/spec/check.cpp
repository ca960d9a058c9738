#include "spec/check.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "spec/text_check.h"

namespace hlid::spec {
namespace {

std::string child_path(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

/// What to call a field in a message: its key; for an item of a list that of the list.
std::string name_of(const Field& field, const std::string& free_key) {
  if (field.path == "machines[].overrides.*") return "overrides";
  auto name = last_name(field.path);
  if (name.size() > 2 && name.substr(name.size() - 2) == "[]") name.remove_suffix(2);
  return name == "*" ? shortened(free_key) : std::string(name);
}

std::string_view kind_name(const Field& field) {
  switch (field.kind) {
    case Kind::map:
      return "a map";
    case Kind::list:
      return "a list";
    case Kind::text:
      return "text";
    case Kind::integer:
      return "a whole number";
    case Kind::bytes:
      return "a size";
    case Kind::boolean:
      return "true or false";
  }
  return "";
}

std::string example_hint(const Field& field) {
  if (!field.example.empty()) return fmt::format("for example {}", field.example);
  return field.kind == Kind::map ? "write 'key: value' lines below it" : "see 'hlid schema' for the format";
}

/// "4GB" → "4GiB": what was most likely meant.
std::string nearest_size(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto unit = to_upper(trim(text.substr(digits)));
  if (digits == 0 || unit.empty() || std::string_view("KMGT").find(unit[0]) == std::string_view::npos)
    return {};
  const auto near = fmt::format("{}{}iB", text.substr(0, digits), unit[0]);
  return parse_bytes(near) ? near : std::string();
}

class Checker {
 public:
  Checker(Checked& checked, Diagnostics& diagnostics) : checked_(checked), diagnostics_(diagnostics) {}

  void check_top(const Node& root) {
    if (root.kind != Node::Kind::map) {
      diagnostics_.error(root.at, fmt::format("the file must be a map of keys, not {}", root.looks_like()),
                         "start with 'apiVersion: hlid/v1'");
      return;
    }
    check_entries(root, "");
  }

 private:
  void fail(const Node& node, const Field& field, std::string message, std::string hint) {
    checked_.wrong.emplace(&node, &field);
    auto text = fmt::format("'{}': {}", name_of(field, free_key_), message);
    if (field.secret) {
      diagnostics_.secret_error(node.at, std::move(text), std::move(hint));
    } else {
      diagnostics_.error(node.at, std::move(text), std::move(hint));
    }
  }

  void check(const Node& node, const Field& field) {
    if (node.kind == Node::Kind::null)
      return fail(node, field, "has no value",
                  fmt::format("give one or leave the line out; {}", example_hint(field)));
    switch (field.kind) {
      case Kind::map:
        return check_map(node, field);
      case Kind::list:
        return check_list(node, field);
      case Kind::text:
      case Kind::integer:
      case Kind::bytes:
      case Kind::boolean:
        return check_scalar(node, field);
    }
  }

  void check_map(const Node& node, const Field& field) {
    if (node.kind != Node::Kind::map) return wrong_kind(node, field);
    check_entries(node, field.path);
  }

  void wrong_kind(const Node& node, const Field& field) {
    const auto found =
        field.secret && node.kind == Node::Kind::scalar ? std::string("a value") : node.looks_like();
    fail(node, field, fmt::format("must be {}, not {}", kind_name(field), found), example_hint(field));
  }

  void check_entries(const Node& node, std::string_view path) {
    const Field* any = find_field(child_path(path, "*"));
    for (const auto& entry : node.entries) {
      if (any != nullptr && any->key != nullptr) {
        check_free(entry, *any);
      } else if (any != nullptr) {
        check_numbered(entry, *any);
      } else if (const Field* field = find_field(child_path(path, entry.key))) {
        check(*entry.value, *field);
      } else {
        unknown_key(entry, path);
      }
    }
    for (const Field* field : children_of(path))
      if (field->required && node.find(last_name(field->path)) == nullptr) missing_key(node, *field);
  }

  void check_free(const Entry& entry, const Field& field) {
    if (const auto fault = field.key->check(entry.key))
      diagnostics_.error(entry.at, fault->message, fault->hint);
    free_key_ = entry.key;
    check(*entry.value, field);
  }

  void check_numbered(const Entry& entry, const Field& field) {
    Node key;
    key.kind = Node::Kind::scalar;
    key.text = entry.key;
    const auto number = as_integer(key);
    if (!number || *number < 1)
      diagnostics_.error(entry.at, fmt::format("'{}' is no machine's number", shortened(entry.key)),
                         "machines of a group are numbered from 1: {3: {memory: 24GiB}}");
    check(*entry.value, field);
  }

  void unknown_key(const Entry& entry, std::string_view path) {
    std::vector<std::string> known;
    for (const Field* field : children_of(path)) known.emplace_back(last_name(field->path));
    const auto near = suggest(entry.key, known);
    const Field* meant = near.empty() ? nullptr : find_field(child_path(path, near));
    auto message = fmt::format("unknown key '{}'", shortened(entry.key));
    if (!path.empty()) message += fmt::format(" in '{}'", path);
    const auto hint = !near.empty() ? fmt::format("did you mean '{}'?", near) : elsewhere(entry.key, known);
    if (meant != nullptr && meant->secret) return diagnostics_.secret_error(entry.at, message, hint);
    diagnostics_.error(entry.at, message, hint);
  }

  /// Where the key would be right, or what is known here.
  static std::string elsewhere(std::string_view key, const std::vector<std::string>& known) {
    for (const auto& field : fields()) {
      if (last_name(field.path) != key) continue;
      const auto parent =
          field.path.substr(0, field.path.size() - std::min(field.path.size(), key.size() + 1));
      return parent.empty() ? fmt::format("'{}' belongs at the top of the file", key)
                            : fmt::format("'{}' belongs in '{}'", key, parent);
    }
    return fmt::format("known here: {}", join(known, ", "));
  }

  void missing_key(const Node& node, const Field& field) {
    diagnostics_.error(
        node.at, fmt::format("'{}' is missing", field.path),
        fmt::format("{} {}", field.about,
                    field.example.empty()
                        ? ""
                        : fmt::format("For example: {}: {}", last_name(field.path), field.example)));
  }

  void check_list(const Node& node, const Field& field) {
    const Field& item = *find_field(std::string(field.path) + "[]");
    if (node.kind == Node::Kind::scalar && field.one_for_many) return check(node, item);
    if (node.kind != Node::Kind::list) {
      const auto hint = node.kind == Node::Kind::scalar && item.kind == Kind::text
                            ? fmt::format("write [{}]", shortened(node.text))
                            : example_hint(field);
      return fail(node, field, fmt::format("must be a list, not {}", node.looks_like()), hint);
    }
    const auto count = static_cast<std::int64_t>(node.items.size());
    if (count < field.least) return fail(node, field, "needs at least one item", example_hint(field));
    if (count > field.most)
      return fail(node, field, fmt::format("{} items are too many", count),
                  fmt::format("at most {}", field.most));
    std::map<std::string, int> seen;
    for (const auto& one : node.items) {
      check(*one, item);
      if (one->kind != Node::Kind::scalar) continue;
      const auto [known, is_new] = seen.emplace(one->text, one->at.line);
      if (!is_new) fail(*one, item, fmt::format("'{}' is given twice", shortened(one->text)), "keep one");
    }
  }

  void check_scalar(const Node& node, const Field& field) {
    if (node.kind != Node::Kind::scalar) return wrong_kind(node, field);
    switch (field.kind) {
      case Kind::integer:
        return check_integer(node, field);
      case Kind::bytes:
        return check_bytes(node, field);
      case Kind::boolean:
        return check_boolean(node, field);
      case Kind::text:
        return check_text_value(node, field);
      case Kind::map:
      case Kind::list:
        return;
    }
  }

  void check_integer(const Node& node, const Field& field) {
    const auto number = as_integer(node);
    if (!number) {
      Node bare = node;
      bare.quoted = false;
      const auto hint =
          node.quoted && as_integer(bare) ? std::string("write it without quotes") : example_hint(field);
      return fail(node, field, fmt::format("'{}' is no whole number", shortened(node.text)), hint);
    }
    if (*number < field.least || *number > field.most)
      fail(node, field, fmt::format("{} is out of range", node.text),
           fmt::format("between {} and {}", field.least, field.most));
  }

  void check_bytes(const Node& node, const Field& field) {
    const auto size = parse_bytes(node.text);
    if (!size) {
      const auto near = nearest_size(node.text);
      return fail(node, field, fmt::format("'{}' is no size", shortened(node.text)),
                  near.empty() ? "a number and KiB, MiB, GiB or TiB: 4GiB" : fmt::format("write {}", near));
    }
    if (size->count < field.least) {
      const bool bare = node.text.find_first_not_of("0123456789") == std::string::npos;
      return fail(
          node, field, fmt::format("{} is too little", to_string(*size)),
          bare ? fmt::format("a number alone is bytes; did you mean {}MiB or {}GiB?", node.text, node.text)
               : fmt::format("at least {}", to_string(Bytes{field.least})));
    }
    if (size->count > field.most)
      return fail(node, field, fmt::format("{} is too much", to_string(*size)),
                  fmt::format("at most {}", to_string(Bytes{field.most})));
    if (size->count % mib(1).count != 0)
      fail(node, field, fmt::format("{} is not a whole number of MiB", to_string(*size)),
           fmt::format("write {}MiB", size->mib()));
  }

  void check_boolean(const Node& node, const Field& field) {
    if (as_boolean(node)) return;
    const auto word = to_lower(node.text);
    const bool yes = word == "yes" || word == "on" || word == "true" || word == "1";
    const bool no = word == "no" || word == "off" || word == "false" || word == "0";
    fail(node, field, fmt::format("must be true or false, not {}", node.looks_like()),
         yes  ? "write true"
         : no ? "write false"
              : example_hint(field));
  }

  void check_text_value(const Node& node, const Field& field) {
    if (!field.choices.empty()) return check_choice(node, field);
    if (field.format == nullptr) return;
    if (const auto fault = field.format->check(node.text)) fail(node, field, fault->message, fault->hint);
  }

  void check_choice(const Node& node, const Field& field) {
    const std::vector<std::string> choices(field.choices.begin(), field.choices.end());
    if (std::find(choices.begin(), choices.end(), node.text) != choices.end()) return;
    const auto near = suggest(node.text, choices);
    fail(node, field, fmt::format("'{}' is not known", shortened(node.text)),
         choices.size() == 1 ? fmt::format("write {}", choices.front())
         : !near.empty()     ? fmt::format("did you mean '{}'?", near)
                             : fmt::format("one of {}", join(choices, ", ")));
  }

  Checked& checked_;
  Diagnostics& diagnostics_;
  std::string free_key_;  ///< what "*" stands for at the moment
};

}  // namespace

Checked check_structure(NodePtr root, Diagnostics& diagnostics) {
  Checked checked{std::move(root), {}};
  Checker(checked, diagnostics).check_top(*checked.root);
  return checked;
}

std::optional<std::int64_t> as_integer(const Node& node) {
  if (node.kind != Node::Kind::scalar || node.quoted || node.text.empty()) return std::nullopt;
  const auto& text = node.text;
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (std::to_string(number) != text) return std::nullopt;  // "007", which YAML 1.1 reads as octal
  return number;
}

std::optional<bool> as_boolean(const Node& node) {
  if (node.kind != Node::Kind::scalar || node.quoted) return std::nullopt;
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  return std::nullopt;
}

}  // namespace hlid::spec
