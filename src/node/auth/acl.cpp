// Names and paths that access lists know, and their changes.
#include <algorithm>

#include "base/text.h"
#include "node/auth/roles.h"
#include "node/auth/users.h"
#include "wire/api_error.h"

namespace hlid::node::auth {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_word(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

/// `[A-Za-z][A-Za-z0-9.\-_]+`
bool is_name(std::string_view text) {
  return text.size() >= 2 && is_letter(text.front()) && std::all_of(text.begin(), text.end(), is_word);
}

/// How many components may follow each of these (pve-access-control, check_path).
struct AclRoot {
  std::string_view path;
  std::size_t most;
};
constexpr AclRoot kAclRoots[] = {
    {"/access/groups", 1}, {"/access/realm", 1}, {"/access", 0}, {"/nodes", 1},
    {"/pool", 3},          {"/storage", 1},      {"/vms", 1},    {"/mapping", 2},
    {"/sdn/zones", 3},     {"/sdn", 2},          {"/", 0},
};

struct Grantee {
  std::string who;
  std::string problem;  ///< why it is none; empty: fine
};

std::vector<Grantee> grantees(const config::UserCfg& cfg, const AclChange& change) {
  std::vector<Grantee> list;
  for (const auto& user : change.users)
    list.push_back({user, cfg.users.count(user) != 0 ? "" : fmt::format("user '{}' does not exist", user)});
  for (const auto& group : change.groups)
    list.push_back(
        {"@" + group, cfg.groups.count(group) != 0 ? "" : fmt::format("group '{}' does not exist", group)});
  for (const auto& full : change.tokens) {
    const auto bang = full.find('!');
    const auto user = cfg.users.find(full.substr(0, bang));
    const auto token = bang == std::string::npos ? "" : full.substr(bang + 1);
    const bool known = user != cfg.users.end() && user->second.tokens.count(token) != 0;
    list.push_back(
        {full, known ? "" : fmt::format("no such token '{}' for user '{}'", token, full.substr(0, bang))});
  }
  return list;
}

void grant(config::UserCfg& cfg, const std::string& path, const std::string& who, const std::string& role,
           const AclChange& change) {
  std::erase_if(cfg.acl, [&](const auto& e) { return e.path == path && e.who == who && e.role == role; });
  if (!change.remove) cfg.acl.push_back({path, who, role, change.propagate});
}

}  // namespace

bool is_user_id(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || text.size() < 3 || text.size() > 64) return false;
  const auto name = text.substr(0, at);
  const bool plain = std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == ':' || c == '/' || c == '\x7f';
  });
  return plain && is_name(text.substr(at + 1));
}

bool is_token_id(std::string_view text) {
  return is_name(text);
}

std::string realm_of(std::string_view user) {
  const auto at = user.rfind('@');
  return at == std::string_view::npos ? std::string() : std::string(user.substr(at + 1));
}

bool is_acl_path(std::string_view path) {
  if (path == "/") return true;
  if (path.empty() || path.front() != '/' || path.back() == '/') return false;
  for (const auto& [root, most] : kAclRoots) {
    if (path == root) return true;
    if (root == "/" || path.rfind(root, 0) != 0 || path[root.size()] != '/') continue;
    const auto rest = split(path.substr(root.size() + 1), '/');
    return rest.size() <= most && std::all_of(rest.begin(), rest.end(), [](const auto& part) {
             return !part.empty() && std::all_of(part.begin(), part.end(), is_word);
           });
  }
  return false;
}

void Users::update_acl(const AclChange& wanted) {
  // A trailing slash and doubled ones mean nothing.
  const auto path = "/" + join(split_list(wanted.path, "/"), "/");
  if (!is_acl_path(path))
    throw wire::parameter_error("path", fmt::format("invalid ACL path '{}'", wanted.path));
  if (wanted.users.empty() && wanted.groups.empty() && wanted.tokens.empty())
    throw wire::parameter_error("users", "either 'users', 'groups' or 'tokens' is required.");
  change([&](config::UserCfg& cfg) {
    const auto check = [](bool ok, const std::string& text) {
      if (!ok) throw wire::failure("ACL update failed: " + text);
    };
    for (const auto& role : wanted.roles) {
      check(privileges_of_role(cfg, role).has_value(), fmt::format("role '{}' does not exist", role));
      for (const auto& grantee : grantees(cfg, wanted)) {
        check(grantee.problem.empty() || wanted.remove, grantee.problem);
        grant(cfg, path, grantee.who, role, wanted);
      }
    }
  });
}

}  // namespace hlid::node::auth
