#include "drive/kubeconfig_file.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "drive/yaml_text.h"
#include "sys/files.h"

namespace hlid::drive {
namespace {

namespace fs = std::filesystem;
using spec::Node;
using spec::NodePtr;

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw Error(Errc::precondition, "'{}' is no kubeconfig that can be added to: {}", file, why)
      .with_hint("mend it, or write to another file: hlid cluster kubeconfig > FILE");
}

NodePtr read_tree(const std::string& text, const std::string& file) {
  if (trim(text).empty()) return std::make_shared<Node>(Node{Node::Kind::map, {}, {}, false, {}, {}});
  Diagnostics diagnostics;
  const auto root = spec::parse_yaml(text, file, diagnostics);
  // the messages quote keys and tags at most; the excerpts that could show secrets are not rendered
  for (const auto& diagnostic : diagnostics.all())
    if (diagnostic.severity == Severity::error)
      refuse(file, fmt::format("line {}: {}", diagnostic.at.line, diagnostic.message));
  if (root == nullptr || root->kind != Node::Kind::map) refuse(file, "it is no map of keys");
  const auto* kind = root->find("kind");
  if (kind != nullptr && kind->value->text != "Config")
    refuse(file, fmt::format("its kind is '{}'", kind->value->text));
  return root;
}

/// The text of a path of keys below `node`; empty: not there.
std::string text_at(const Node& node, std::initializer_list<std::string_view> path) {
  const Node* at = &node;
  for (const auto key : path) {
    const auto* entry = at->find(key);
    if (entry == nullptr) return {};
    at = entry->value.get();
  }
  return at->text;
}

NodePtr scalar(const std::string& text) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.text = text;
  node.quoted = true;
  return std::make_shared<Node>(std::move(node));
}

void set(Node& map, const std::string& key, NodePtr value) {
  for (auto& entry : map.entries)
    if (entry.key == key) {
      entry.value = std::move(value);
      return;
    }
  map.entries.push_back({key, {}, std::move(value)});
}

/// The list `key` of the file with its entry of `mine`'s name replaced, or `mine` behind it.
NodePtr with_entry(const Node& root, const std::string& key, const NodePtr& mine, const std::string& file) {
  Node list;
  list.kind = Node::Kind::list;
  const auto name = text_at(*mine, {"name"});
  bool placed = false;
  if (const auto* entry = root.find(key)) {
    const Node& there = *entry->value;
    if (there.kind == Node::Kind::scalar || there.kind == Node::Kind::map)
      refuse(file, fmt::format("'{}' is no list", key));
    for (const auto& item : there.items) {
      if (text_at(*item, {"name"}) != name) {
        list.items.push_back(item);
      } else if (!placed) {
        list.items.push_back(mine);
        placed = true;
      }
    }
  }
  if (!placed) list.items.push_back(mine);
  return std::make_shared<Node>(std::move(list));
}

std::string server_of(const Node& root, const std::string& name) {
  const auto* clusters = root.find("clusters");
  if (clusters == nullptr) return {};
  for (const auto& item : clusters->value->items)
    if (text_at(*item, {"name"}) == name) return text_at(*item, {"cluster", "server"});
  return {};
}

}  // namespace

KubeconfigMerge merge_kubeconfig(const std::string& existing, const std::string& file,
                                 const cluster::AdminAccess& access, const std::string& name,
                                 const std::string& server, bool switch_to) {
  const auto there = read_tree(existing, file);
  const auto mine = read_tree(cluster::render_kubeconfig(access, name, server).reveal(), "ours");
  Node merged = *there;
  for (const char* key : {"apiVersion", "kind"})
    if (merged.find(key) == nullptr) set(merged, key, mine->find(key)->value);
  for (const char* key : {"clusters", "users", "contexts"})
    set(merged, key, with_entry(*there, key, mine->find(key)->value->items.at(0), file));
  KubeconfigMerge out;
  out.current = text_at(*there, {"current-context"});
  if (switch_to || out.current.empty()) {
    out.current = name;
    set(merged, "current-context", scalar(name));
  }
  const auto before = server_of(*there, name);
  if (before != server) out.replaced = before;
  out.text = Secret(to_yaml(merged));
  return out;
}

SavedKubeconfig save_kubeconfig(const fs::path& path, const cluster::AdminAccess& access,
                                const std::string& name, const std::string& server, bool switch_to) {
  SavedKubeconfig saved;
  saved.path = fs::weakly_canonical(path);
  const auto existing = sys::read_file_if_exists(saved.path, 4U << 20);
  auto merged = merge_kubeconfig(existing.value_or(""), saved.path.string(), access, name, server, switch_to);
  saved.replaced = merged.replaced;
  saved.current = merged.current;
  saved.changed = !existing || *existing != merged.text.reveal();
  if (!saved.changed) return saved;
  if (!fs::exists(saved.path.parent_path())) sys::make_folder(saved.path.parent_path(), 0700);
  if (existing) {
    saved.backup = saved.path.string() + ".hlid-backup";
    sys::write_durable(saved.backup, *existing, 0600);
  }
  sys::write_durable(saved.path, merged.text.reveal(), 0600);
  return saved;
}

fs::path default_kubeconfig(const std::string& variable, const std::string& home) {
  for (const auto& path : split(variable, ':'))
    if (!path.empty()) return path;
  return fs::path(home) / ".kube" / "config";
}

}  // namespace hlid::drive
