#include "node/config/vm_config.h"

#include <algorithm>
#include <cctype>

namespace hlid::node::config {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trim_right(std::string_view s) {
  while (!s.empty() && (is_space(s.back()) || s.back() == '\n')) s.remove_suffix(1);
  return s;
}
std::string_view trim(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  return trim_right(s);
}
bool iequals(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

/// `[a-z][a-z_-]*\d*`
bool is_key(std::string_view s) {
  if (s.empty() || !is_lower(s[0])) return false;
  std::size_t i = 1;
  while (i < s.size() && (is_lower(s[i]) || s[i] == '_' || s[i] == '-')) ++i;
  while (i < s.size() && is_digit(s[i])) ++i;
  return i == s.size();
}
bool is_snapshot_name(std::string_view s) {
  return s.size() >= 2 && std::isalpha(static_cast<unsigned char>(s[0])) != 0 &&
         std::all_of(s.begin(), s.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
         });
}

struct Line {
  std::string_view key;
  std::string_view value;
};

/// `key: value`. The value of a line with nothing but blanks after the colon is the last blank (a machine
/// without disks has `boot: `, which Proxmox reads back as one blank).
std::optional<Line> split_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_key(line.substr(0, colon))) return std::nullopt;
  const std::string_view rest = line.substr(colon + 1);
  std::string_view value = trim(rest);
  if (value.empty()) {
    if (rest.empty()) return std::nullopt;
    value = rest.substr(rest.size() - 1);
  }
  return Line{line.substr(0, colon), value};
}

template <typename Visit>
void for_each_word(std::string_view list, Visit visit) {
  std::size_t at = 0;
  while (at < list.size()) {
    const auto end = std::min(list.find_first_of(",; \t", at), list.size());
    if (end > at) visit(list.substr(at, end - at));
    at = end + 1;
  }
}

/// Fills a VmConfig line by line; knows which section it is in.
class Reader {
 public:
  void line(std::string_view text) {
    const std::string_view bare = trim(text);
    if (bare.empty()) return;
    if (text.front() == '#') return comment(text.substr(1));
    if (text.front() == '[' && bare.back() == ']') return header(bare.substr(1, bare.size() - 2));
    if (section_ == nullptr) return;  // below a header that is not understood
    const auto parsed = split_line(text);
    if (!parsed) return;
    if (section_ == &config_.pending && parsed->key == "delete") return deletions(parsed->value);
    section_->set(parsed->key, parsed->value);
  }

  VmConfig take() {
    finish();
    std::sort(config_.snapshots.begin(), config_.snapshots.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return std::move(config_);
  }

 private:
  void comment(std::string_view encoded) {
    description_ += decode_comment(encoded);
    description_ += '\n';
    described_ = true;
  }

  void header(std::string_view name) {
    finish();
    constexpr std::string_view kSpecial = "special:";
    if (iequals(name, "PENDING")) {
      section_ = &config_.pending;
    } else if (name.size() > kSpecial.size() && iequals(name.substr(0, kSpecial.size()), kSpecial)) {
      section_ = &config_.special_section(name.substr(kSpecial.size()));
    } else if (is_snapshot_name(name)) {
      config_.snapshots.push_back({std::string(name), {}});
      section_ = &config_.snapshots.back().values;
    } else {
      section_ = nullptr;
    }
  }

  void finish() {
    const std::string_view text = trim_right(description_);
    if (section_ != nullptr && described_ && !text.empty()) section_->set("description", text);
    description_.clear();
    described_ = false;
  }

  void deletions(std::string_view list) {
    for_each_word(list, [this](std::string_view word) {
      const bool force = word.front() == '!';
      if (force) word.remove_prefix(1);
      if (!word.empty()) config_.add_deletion(word, force);
    });
  }

  VmConfig config_;
  Section* section_ = &config_.main;
  std::string description_;
  bool described_ = false;
};

void print_description(std::string& out, std::string_view text) {
  std::size_t at = 0;
  while (at <= text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    out += '#';
    out += encode_comment(text.substr(at, end - at));
    out += '\n';
    at = end + 1;
  }
}

/// `extra` is one more key in its sorted place: the `delete` line of [PENDING].
void print_section(std::string& out, const Section& section, const Section::Entry* extra = nullptr) {
  if (const auto* text = section.find("description"); text != nullptr) {
    const std::string_view bare = trim_right(*text);
    if (!bare.empty()) print_description(out, bare);
  }
  const auto entry = [&out](const Section::Entry& e) {
    out += e.first;
    out += ": ";
    out += e.second;
    out += '\n';
  };
  for (const auto& e : section) {
    if (extra != nullptr && extra->first < e.first) {
      entry(*extra);
      extra = nullptr;
    }
    if (e.first != "description") entry(e);
  }
  if (extra != nullptr) entry(*extra);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

const std::string* Section::find(std::string_view key) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const Entry& e, std::string_view k) { return e.first < k; });
  return at != entries_.end() && at->first == key ? &at->second : nullptr;
}

std::string Section::get(std::string_view key, std::string_view fallback) const {
  const std::string* value = find(key);
  return value != nullptr ? *value : std::string(fallback);
}

void Section::set(std::string_view key, std::string_view value) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const Entry& e, std::string_view k) { return e.first < k; });
  if (at != entries_.end() && at->first == key) {
    at->second = std::string(value);
  } else {
    entries_.insert(at, Entry(std::string(key), std::string(value)));
  }
}

bool Section::erase(std::string_view key) {
  return std::erase_if(entries_, [key](const Entry& e) { return e.first == key; }) != 0;
}

const PendingDelete* VmConfig::deletion(std::string_view key) const {
  const auto at =
      std::find_if(deletions.begin(), deletions.end(), [key](const auto& d) { return d.key == key; });
  return at != deletions.end() ? &*at : nullptr;
}

void VmConfig::add_deletion(std::string_view key, bool force) {
  drop_deletion(key);
  const auto at =
      std::find_if(deletions.begin(), deletions.end(), [key](const auto& d) { return d.key > key; });
  deletions.insert(at, PendingDelete{std::string(key), force});
}

void VmConfig::drop_deletion(std::string_view key) {
  std::erase_if(deletions, [key](const auto& d) { return d.key == key; });
}

Section& VmConfig::special_section(std::string_view name) {
  for (auto& section : special) {
    if (section.name == name) return section.values;
  }
  special.push_back({std::string(name), {}});
  return special.back().values;
}

const Section* VmConfig::find_special(std::string_view name) const {
  for (const auto& section : special) {
    if (section.name == name) return &section.values;
  }
  return nullptr;
}

void VmConfig::drop_special(std::string_view name) {
  std::erase_if(special, [name](const auto& s) { return s.name == name; });
}

const Section* VmConfig::find_snapshot(std::string_view name) const {
  for (const auto& section : snapshots) {
    if (section.name == name) return &section.values;
  }
  return nullptr;
}

VmConfig parse_vm_config(std::string_view text) {
  Reader reader;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    reader.line(text.substr(at, end - at));
    at = end + 1;
  }
  return reader.take();
}

std::string print_vm_config(const VmConfig& config) {
  std::string out;
  print_section(out, config.main);
  if (config.has_pending()) {
    out += "\n[PENDING]\n";
    Section::Entry line{"delete", {}};
    for (const auto& d : config.deletions) {
      if (!line.second.empty()) line.second += ',';
      if (d.force) line.second += '!';
      line.second += d.key;
    }
    print_section(out, config.pending, config.deletions.empty() ? nullptr : &line);
  }
  for (const auto& section : config.special) {
    if (section.values.empty()) continue;
    out += "\n[special:" + section.name + "]\n";
    print_section(out, section.values);
  }
  auto snapshots = config.snapshots;
  std::sort(snapshots.begin(), snapshots.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const auto& section : snapshots) {
    out += "\n[" + section.name + "]\n";
    print_section(out, section.values);
  }
  return out;
}

std::string encode_comment(std::string_view line) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e || c == '%' || c == ':') {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  return out;
}

std::string decode_comment(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '%' && i + 2 < line.size() && hex_digit(line[i + 1]) >= 0 && hex_digit(line[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(line[i + 1]) * 16 + hex_digit(line[i + 2]));
      i += 2;
    } else {
      out += line[i];
    }
  }
  return out;
}

}  // namespace hlid::node::config
