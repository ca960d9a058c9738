#include "node/config/user_cfg.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "node/config/vm_config.h"

namespace hlid::node::config {
namespace {

using Names = std::set<std::string, std::less<>>;

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> out;
  std::size_t at = 0;
  while (true) {
    const auto end = line.find(separator, at);
    if (end == std::string_view::npos) break;
    out.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  out.push_back(line.substr(at));
  return out;
}

std::vector<std::string> words(std::string_view list) {
  std::vector<std::string> out;
  for (const auto word : split(list, ',')) {
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

Names name_set(std::string_view list) {
  Names out;
  for (auto& word : words(list)) out.insert(std::move(word));
  return out;
}

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string join(const Names& names) {
  std::string out;
  for (const auto& name : names) {
    if (!out.empty()) out += ',';
    out += name;
  }
  return out;
}

/// The fields of one line, `field(i)` being empty past the end.
struct Fields {
  std::vector<std::string_view> parts;
  std::string_view at(std::size_t i) const { return i < parts.size() ? parts[i] : std::string_view(); }
  std::string text(std::size_t i) const { return decode_comment(at(i)); }
};

void read_user(UserCfg& cfg, const Fields& f) {
  auto& user = cfg.users[std::string(f.at(1))];
  user.enable = f.at(2) == "1";
  user.expire = number(f.at(3));
  user.first_name = f.text(4);
  user.last_name = f.text(5);
  user.email = std::string(f.at(6));
  user.comment = f.text(7);
  user.keys = std::string(f.at(8));
}

void read_token(UserCfg& cfg, const Fields& f) {
  const auto bang = f.at(1).find('!');
  if (bang == std::string_view::npos) return;
  const auto user = cfg.users.find(f.at(1).substr(0, bang));
  if (user == cfg.users.end()) return;
  user->second.tokens[std::string(f.at(1).substr(bang + 1))] =
      TokenEntry{number(f.at(2)), f.at(3) != "0", f.text(4)};
}

void read_acl(UserCfg& cfg, const Fields& f) {
  for (const auto& who : words(f.at(3))) {
    for (const auto& role : words(f.at(4))) {
      cfg.acl.push_back({std::string(f.at(2)), who, role, f.at(1) != "0"});
    }
  }
}

void read_line(UserCfg& cfg, std::string_view line) {
  const Fields f{split(line, ':')};
  const std::string_view kind = f.at(0);
  if (f.at(1).empty()) return;
  if (kind == "user") return read_user(cfg, f);
  if (kind == "token") return read_token(cfg, f);
  if (kind == "group") {
    cfg.groups[std::string(f.at(1))] = GroupEntry{name_set(f.at(2)), f.text(3)};
  } else if (kind == "pool") {
    cfg.pools[std::string(f.at(1))] = PoolEntry{f.text(2), name_set(f.at(3)), name_set(f.at(4))};
  } else if (kind == "role") {
    cfg.roles[std::string(f.at(1))] = name_set(f.at(2));
  } else if (kind == "acl") {
    read_acl(cfg, f);
  }
}

void print_users(std::string& out, const UserCfg& cfg) {
  // root@pam comes first, as Proxmox writes it.
  std::vector<std::string_view> order;
  for (const auto& [id, user] : cfg.users) order.push_back(id);
  std::stable_sort(order.begin(), order.end(),
                   [](auto a, auto b) { return a == "root@pam" && b != "root@pam"; });
  for (const auto id : order) {
    const auto& u = cfg.users.find(id)->second;
    out += "user:" + std::string(id) + ":" + (u.enable ? "1" : "0") + ":" + std::to_string(u.expire) + ":" +
           encode_comment(u.first_name) + ":" + encode_comment(u.last_name) + ":" + u.email + ":" +
           encode_comment(u.comment) + ":" + u.keys + ":\n";
    for (const auto& [token, t] : u.tokens) {
      out += "token:" + std::string(id) + "!" + token + ":" + std::to_string(t.expire) + ":" +
             (t.privsep ? "1" : "0") + ":" + encode_comment(t.comment) + ":\n";
    }
  }
}

/// One line for each (path, propagate, role), with everybody who has it.
void print_acl(std::string& out, const UserCfg& cfg) {
  std::map<std::tuple<std::string, std::string, bool>, Names> lines;
  for (const auto& a : cfg.acl) lines[{a.path, a.role, a.propagate}].insert(a.who);
  std::map<std::tuple<std::string, bool, std::string>, Names> by_who;
  for (const auto& [key, who] : lines)
    by_who[{std::get<0>(key), std::get<2>(key), join(who)}].insert(std::get<1>(key));
  for (const auto& [key, roles] : by_who) {
    out += "acl:" + std::string(std::get<1>(key) ? "1" : "0") + ":" + std::get<0>(key) + ":" +
           std::get<2>(key) + ":" + join(roles) + ":\n";
  }
}

}  // namespace

UserCfg parse_user_cfg(std::string_view text) {
  UserCfg cfg;
  for (auto line : split(text, '\n')) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (!line.empty() && line.front() != '#') read_line(cfg, line);
  }
  return cfg;
}

std::string print_user_cfg(const UserCfg& cfg) {
  std::string out;
  print_users(out, cfg);
  out += "\n";
  for (const auto& [id, g] : cfg.groups) {
    out += "group:" + id + ":" + join(g.members) + ":" + encode_comment(g.comment) + ":\n";
  }
  out += "\n";
  for (const auto& [id, p] : cfg.pools) {
    out +=
        "pool:" + id + ":" + encode_comment(p.comment) + ":" + join(p.vms) + ":" + join(p.storages) + ":\n";
  }
  out += "\n";
  for (const auto& [id, privileges] : cfg.roles) out += "role:" + id + ":" + join(privileges) + ":\n";
  out += "\n";
  print_acl(out, cfg);
  return out;
}

}  // namespace hlid::node::config
