#include "spec/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "base/text.h"
#include "spec/text_check.h"

namespace hlid::spec {
namespace {

constexpr std::size_t kDeepest = 24;       // the format itself needs 6
constexpr std::size_t kMostNodes = 20000;  // values, each use of an alias counted in full

/// Leaves yaml-cpp's parser; what is wrong is already in the diagnostics.
struct GivenUp : std::runtime_error {
  GivenUp() : std::runtime_error("given up") {}
};

std::size_t weight(const Node& node) {
  std::size_t sum = 1;
  for (const auto& item : node.items) sum += weight(*item);
  for (const auto& entry : node.entries) sum += weight(*entry.value);
  return sum;
}

/// Builds the tree from the parser's events. A node under construction is on the stack; a map waits for a key
/// when its `key_at` is unset.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, Diagnostics& diagnostics) : file_(file), diagnostics_(diagnostics) {}

  NodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = position(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Node::Kind::null, mark), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = make(Node::Kind::scalar, mark);
    node->text = value;
    node->quoted = tag == "!";
    check_tag(tag, node->at);
    add(node, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end())
      give_up(position(mark), "an alias within the value that it names", "write the value itself");
    count(weights_.at(anchor), position(mark));
    attach(known->second);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    push(make(Node::Kind::list, mark), tag, anchor);
  }
  void OnSequenceEnd() override { pop(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    push(make(Node::Kind::map, mark), tag, anchor);
  }
  void OnMapEnd() override { pop(); }

 private:
  struct Open {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    Position key_at;
    std::map<std::string, int> lines;  ///< of the keys so far
  };

  Position position(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  std::shared_ptr<Node> make(Node::Kind kind, const YAML::Mark& mark) {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    // an empty value has no place of its own; the parser gives it none or that of the next token
    node->at = position(mark);
    if (kind == Node::Kind::null && !open_.empty() && open_.back().has_key) node->at = open_.back().key_at;
    count(1, node->at);
    return node;
  }

  [[noreturn]] void give_up(Position at, std::string message, std::string hint) {
    diagnostics_.error(std::move(at), std::move(message), std::move(hint));
    throw GivenUp();
  }

  void count(std::size_t nodes, const Position& at) {
    total_ += nodes;
    if (total_ > kMostNodes)
      give_up(at, fmt::format("more than {} values", kMostNodes),
              "a homelab file is far smaller; look for aliases that multiply");
  }

  void check_tag(const std::string& tag, const Position& at) {
    if (tag.empty() || tag == "!" || tag == "?") return;
    diagnostics_.error(at, fmt::format("YAML tag '{}' is not used here", tag), "write the plain value");
  }

  void push(std::shared_ptr<Node> node, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(tag, node->at);
    if (open_.size() >= kDeepest)
      give_up(node->at, fmt::format("nested deeper than {} levels", kDeepest),
              "see 'hlid schema' for the format");
    if (awaits_key())
      give_up(node->at, "a key must be plain text, not a list or a map", "write 'key: value'");
    Open open;
    open.node = std::move(node);
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void pop() {
    const Open done = std::move(open_.back());
    open_.pop_back();
    remember(done.node, done.anchor);
    attach(done.node);
  }

  void add(const std::shared_ptr<Node>& node, YAML::anchor_t anchor) {
    remember(node, anchor);
    attach(node);
  }

  void remember(const std::shared_ptr<Node>& node, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    anchors_[anchor] = node;
    weights_[anchor] = weight(*node);
  }

  bool awaits_key() const {
    return !open_.empty() && open_.back().node->kind == Node::Kind::map && !open_.back().has_key;
  }

  void attach(const NodePtr& node) {
    if (open_.empty()) {
      root_ = node;
    } else if (open_.back().node->kind == Node::Kind::list) {
      open_.back().node->items.push_back(node);
    } else if (!open_.back().has_key) {
      take_key(*node);
    } else {
      take_value(node);
    }
  }

  void take_key(const Node& node) {
    if (node.kind != Node::Kind::scalar) give_up(node.at, "a key must be plain text", "write 'key: value'");
    auto& open = open_.back();
    open.has_key = true;
    open.key = node.text;
    open.key_at = node.at;
  }

  void take_value(const NodePtr& node) {
    auto& open = open_.back();
    open.has_key = false;
    if (open.key == "<<") {
      diagnostics_.error(open.key_at, "merge key '<<' is not supported",
                         "write the keys out, or use 'overrides' of a group");
      return;
    }
    const auto [known, is_new] = open.lines.emplace(open.key, open.key_at.line);
    if (!is_new) {
      diagnostics_.error(open.key_at, fmt::format("duplicate key '{}'", open.key),
                         fmt::format("it is given in line {} already; keep one", known->second));
      return;
    }
    open.node->entries.push_back({open.key, open.key_at, node});
  }

  std::string file_;
  Diagnostics& diagnostics_;
  Position start_;
  NodePtr root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, NodePtr> anchors_;
  std::map<YAML::anchor_t, std::size_t> weights_;
  std::size_t total_ = 0;
};

/// The parser's complaint in words that help.
std::string hint_for(const std::string& complaint) {
  if (contains(complaint, "end of map flow") || contains(complaint, "end of sequence flow"))
    return "a '{' or '[' is not closed, or a ',' is missing";
  if (contains(complaint, "end of map") || contains(complaint, "illegal map") ||
      contains(complaint, "block entry"))
    return "look at the indentation of this line and the one before, and for a missing ': '";
  if (contains(complaint, "anchor")) return "an alias '*name' needs an '&name' before it";
  if (contains(complaint, "scalar") || contains(complaint, "escape"))
    return "look for a quote that is not closed";
  return "look at the line before, too";
}

void refuse_more_documents(YAML::Parser& parser, const std::string& file, Diagnostics& diagnostics) {
  Diagnostics ignored;
  TreeBuilder next(file, ignored);
  if (!parser.HandleNextDocument(next) || next.root() == nullptr) return;
  diagnostics.error(next.root()->at, "a second document in the file",
                    "one file describes one homelab; remove '---' and what follows");
}

NodePtr parse(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  std::istringstream in{std::string(text)};
  TreeBuilder builder(file, diagnostics);
  try {
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    if (builder.root() != nullptr) refuse_more_documents(parser, file, diagnostics);
  } catch (const GivenUp&) {
    return nullptr;
  } catch (const YAML::Exception& error) {
    const Position at{file, error.mark.is_null() ? 1 : error.mark.line + 1,
                      error.mark.is_null() ? 1 : error.mark.column + 1};
    diagnostics.error(at, "not valid YAML: " + error.msg, hint_for(error.msg));
    return nullptr;
  }
  return builder.root();
}

}  // namespace

const Entry* Node::find(std::string_view key) const {
  for (const auto& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

std::string Node::looks_like() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::scalar:
      return fmt::format("'{}'", shortened(text));
  }
  return "";
}

NodePtr parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  if (!check_text(text, file, diagnostics)) return nullptr;
  auto root = parse(text, file, diagnostics);
  if (root == nullptr && !diagnostics.has_errors()) {
    diagnostics.error({file, 1, 1}, "the file is empty",
                      "start with 'apiVersion: hlid/v1'; examples/minimal.yaml is the shortest file");
  }
  return root;
}

}  // namespace hlid::spec
