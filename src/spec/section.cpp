#include <stdexcept>

#include "base/text.h"
#include "spec/check.h"

namespace hlid::spec {

Section::Section(const Checked& checked, const Node* node, std::string path, Position at)
    : checked_(&checked), node_(node), path_(std::move(path)), at_(std::move(at)) {
  if (node_ != nullptr && node_->kind != Node::Kind::map) node_ = nullptr;
}

const Field& Section::field(std::string_view name) const {
  const auto path = path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  const Field* found = find_field(path);
  if (found == nullptr) throw std::logic_error("no field " + path);
  return *found;
}

bool Section::good(const Node* node, const Field& of) const {
  return checked_->wrong.count({node, &of}) == 0;
}

const Node* Section::value(std::string_view name) const {
  const Entry* entry = node_ == nullptr ? nullptr : node_->find(name);
  if (entry == nullptr || !good(entry->value.get(), field(name))) return nullptr;
  return entry->value.get();
}

bool Section::is_wrong(std::string_view name) const {
  const Entry* entry = node_ == nullptr ? nullptr : node_->find(name);
  return entry != nullptr && !good(entry->value.get(), field(name));
}

Position Section::at(std::string_view name) const {
  const Entry* entry = node_ == nullptr ? nullptr : node_->find(name);
  return entry == nullptr ? at_ : entry->value->at;
}

std::string Section::text(std::string_view name) const {
  const Node* node = value(name);
  return node != nullptr ? node->text : std::string(field(name).fallback);
}

int Section::integer(std::string_view name) const {
  const Node* node = value(name);
  if (node != nullptr) return static_cast<int>(as_integer(*node).value_or(0));
  const auto fallback = field(name).fallback;
  return fallback.empty() ? 0 : std::stoi(std::string(fallback));
}

Bytes Section::bytes(std::string_view name) const {
  const Node* node = value(name);
  return parse_bytes(node != nullptr ? std::string_view(node->text) : field(name).fallback).value_or(Bytes{});
}

bool Section::flag(std::string_view name) const {
  const Node* node = value(name);
  return node != nullptr ? as_boolean(*node).value_or(false) : field(name).fallback == "true";
}

std::vector<std::pair<std::string, Position>> Section::list(std::string_view name) const {
  const Field& of = field(name);
  const Field& item = *find_field(std::string(of.path) + "[]");
  std::vector<std::pair<std::string, Position>> out;
  const Node* node = value(name);
  if (node == nullptr) {
    for (auto& text : split_list(of.fallback, "[], ")) out.emplace_back(std::move(text), at_);
  } else if (node->kind == Node::Kind::scalar) {
    if (good(node, item)) out.emplace_back(node->text, node->at);
  } else {
    for (const auto& one : node->items)
      if (good(one.get(), item)) out.emplace_back(one->text, one->at);
  }
  return out;
}

std::vector<std::string> Section::texts(std::string_view name) const {
  std::vector<std::string> out;
  for (auto& [text, at] : list(name)) out.push_back(std::move(text));
  return out;
}

Section Section::map(std::string_view name) const {
  return {*checked_, value(name), std::string(field(name).path), at(name)};
}

std::vector<Section> Section::maps(std::string_view name) const {
  std::vector<Section> out;
  const auto path = std::string(field(name).path) + "[]";
  if (const Node* node = value(name))
    for (const auto& item : node->items)
      if (good(item.get(), *find_field(path))) out.emplace_back(*checked_, item.get(), path, item->at);
  return out;
}

std::vector<std::pair<std::string, Section>> Section::entries(std::string_view name) const {
  std::vector<std::pair<std::string, Section>> out;
  const auto path = std::string(field(name).path) + ".*";
  if (const Node* node = value(name))
    for (const auto& entry : node->entries)
      out.emplace_back(entry.key, Section(*checked_, entry.value.get(), path, entry.at));
  return out;
}

std::vector<FreeEntry> Section::free_entries(std::string_view name) const {
  std::vector<FreeEntry> out;
  const Field& of = *find_field(std::string(field(name).path) + ".*");
  const Field* item = find_field(std::string(of.path) + "[]");
  const Node* node = value(name);
  if (node == nullptr) return out;
  for (const auto& entry : node->entries) {
    FreeEntry free{entry.key, entry.at, {}, entry.value->kind == Node::Kind::list};
    if (!good(entry.value.get(), of) || of.key->check(entry.key)) continue;
    if (entry.value->kind == Node::Kind::scalar && (item == nullptr || good(entry.value.get(), *item)))
      free.values.push_back(entry.value->text);
    for (const auto& one : entry.value->items)
      if (good(one.get(), *item)) free.values.push_back(one->text);
    if (!free.values.empty()) out.push_back(std::move(free));
  }
  return out;
}

}  // namespace hlid::spec
