// Logins, realms, permissions, roles, groups and access lists.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "node/auth/authenticator.h"
#include "node/auth/permissions.h"
#include "node/auth/roles.h"
#include "node/auth/users.h"
#include "node/service/access_rights.h"
#include "node/service/verbs.h"

namespace hlid::node::service {
namespace {

Answer nothing(Parts&, Call&) {
  return nullptr;
}

std::string login_name(const Params& params) {
  const std::string user = params.get_or("username", "");
  const auto realm = params.get("realm");
  return realm ? user + "@" + *realm : user;
}

Answer login(Parts& parts, Call& call) {
  const std::string user = login_name(call.params);
  const Secret password(call.params.get_or("password", ""));
  if (const auto path = call.params.get("path")) {
    parts.authenticator.verify(user, password, *path, call.params.list("privs"));
    return json::object{{"username", user}};
  }
  const auth::Login login = parts.authenticator.login(user, password);
  return json::object{{"username", login.username},
                      {"ticket", login.ticket},
                      {"CSRFPreventionToken", login.csrf},
                      {"cap", login.capabilities}};
}

/// There are no VNC tickets here, so none is right.
Answer check_vnc_ticket(Parts&, Call&) {
  throw wire::ApiError(401, "authentication failure");
}

struct Realm {
  const char* name;
  const char* plugin;
  const char* comment;
};
constexpr Realm kRealms[] = {{"pam", "PVE::Auth::PAM", "Linux PAM standard authentication"},
                             {"pve", "PVE::Auth::PVE", "Proxmox VE authentication server"}};

Answer domains(Parts&, Call&) {
  json::array list;
  for (const Realm& realm : kRealms) {
    list.push_back(json::object{{"realm", realm.name}, {"type", realm.name}, {"comment", realm.comment}});
  }
  return list;
}

Answer domain(Parts&, Call& call) {
  const std::string name = call.params.get_or("realm", "");
  for (const Realm& realm : kRealms) {
    if (name != realm.name) continue;
    return json::object{{"type", realm.name},
                        {"plugin", realm.plugin},
                        {"comment", realm.comment},
                        {"digest", "da39a3ee5e6b4b0d3255bfef95601890afd80709"}};
  }
  throw wire::failure(fmt::format("domain '{}' does not exist", name));
}

auth::Identity identity_of(const std::string& text) {
  const auto bang = text.find('!');
  return {text.substr(0, bang), bang == std::string::npos ? "" : text.substr(bang + 1)};
}

Answer permissions(Parts& parts, Call& call) {
  auth::Identity who = call.who;
  if (const auto user = call.params.get("userid"); user && *user != who.name()) {
    parts.permissions.require(call.who, "/access", {"Sys.Audit"});
    who = identity_of(*user);
  }
  return parts.permissions.tree(who, call.params.get_or("path", ""));
}

Answer change_password(Parts& parts, Call& call) {
  const std::string user = call.params.get_or("userid", "");
  if (!call.who.is_root_user()) {
    const Secret own(call.params.get_or("confirmation-password", ""));
    if (!parts.users.check_password(call.who.user, own)) throw wire::ApiError(401, "authentication failure");
  }
  parts.users.set_password(user, Secret(call.params.get_or("password", "")));
  return nullptr;
}

Answer no_second_factors(Parts&, Call&) {
  return json::array();
}
Answer user_second_factors(Parts&, Call&) {
  return json::object{{"types", json::array()}};
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ',';
    text += word;
  }
  return text;
}

Answer roles(Parts& parts, Call&) {
  json::array list;
  for (const auth::BuiltinRole& role : auth::builtin_roles()) {
    list.push_back(json::object{
        {"roleid", role.name}, {"privs", joined(auth::names_of(role.privileges))}, {"special", 1}});
  }
  for (const auto& [name, privileges] : parts.users.read()->roles) {
    const std::vector<std::string> sorted(privileges.begin(), privileges.end());
    list.push_back(json::object{{"roleid", name}, {"privs", join(sorted, ",")}, {"special", 0}});
  }
  return list;
}

Answer role(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("roleid", "");
  const auto privileges = auth::privileges_of_role(*parts.users.read(), name);
  if (!privileges) throw wire::failure(fmt::format("role '{}' does not exist", name));
  json::object result;
  for (const std::string_view privilege : auth::names_of(*privileges)) result[privilege] = 1;
  return result;
}

Answer create_role(Parts& parts, Call& call) {
  parts.users.create_role(call.params.get_or("roleid", ""), call.params.get_or("privs", ""));
  return nullptr;
}

Answer update_role(Parts& parts, Call& call) {
  parts.users.update_role(call.params.get_or("roleid", ""), call.params.get_or("privs", ""),
                          call.params.flag("append"));
  return nullptr;
}

Answer delete_role(Parts& parts, Call& call) {
  parts.users.delete_role(call.params.get_or("roleid", ""));
  return nullptr;
}

json::object describe(const config::GroupEntry& group) {
  json::object row;
  if (!group.comment.empty()) row["comment"] = group.comment;
  return row;
}

Answer groups(Parts& parts, Call& call) {
  json::array list;
  for (const auto& [name, group] : parts.users.read()->groups) {
    const std::string path = "/access/groups/" + name;
    if (!parts.permissions.has(call.who, path, "Sys.Audit") &&
        !parts.permissions.has(call.who, path, "Group.Allocate") &&
        !parts.permissions.has(call.who, path, "User.Modify")) {
      continue;
    }
    json::object row = describe(group);
    row["groupid"] = name;
    row["users"] = join({group.members.begin(), group.members.end()}, ",");
    list.push_back(std::move(row));
  }
  return list;
}

Answer group(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("groupid", "");
  const auto cfg = parts.users.read();
  const auto found = cfg->groups.find(name);
  if (found == cfg->groups.end()) throw wire::failure(fmt::format("group '{}' does not exist", name));
  json::object row = describe(found->second);
  json::array members;
  for (const std::string& member : found->second.members) members.emplace_back(member);
  row["members"] = std::move(members);
  return row;
}

Answer create_group(Parts& parts, Call& call) {
  parts.users.create_group(call.params.get_or("groupid", ""), call.params.get_or("comment", ""));
  return nullptr;
}

Answer update_group(Parts& parts, Call& call) {
  parts.users.update_group(call.params.get_or("groupid", ""), call.params.get_or("comment", ""));
  return nullptr;
}

Answer delete_group(Parts& parts, Call& call) {
  parts.users.delete_group(call.params.get_or("groupid", ""));
  return nullptr;
}

std::string kind_of(const std::string& who) {
  if (who.starts_with('@')) return "group";
  return who.find('!') == std::string::npos ? "user" : "token";
}

Answer acl(Parts& parts, Call& call) {
  json::array list;
  for (const config::AclEntry& entry : parts.users.read()->acl) {
    const bool sees = parts.permissions.has(call.who, "/access", "Sys.Audit") ||
                      parts.permissions.has(call.who, entry.path, "Permissions.Modify");
    if (!sees) continue;
    list.push_back(json::object{{"path", entry.path},
                                {"type", kind_of(entry.who)},
                                {"ugid", entry.who.starts_with('@') ? entry.who.substr(1) : entry.who},
                                {"roleid", entry.role},
                                {"propagate", entry.propagate ? 1 : 0}});
  }
  return list;
}

void check_acl(const Parts& parts, const Call& call) {
  parts.permissions.require(call.who, call.params.get_or("path", "/"), {"Permissions.Modify"});
}

Answer update_acl(Parts& parts, Call& call) {
  const Params& params = call.params;
  auth::AclChange change;
  change.path = params.get_or("path", "/");
  change.roles = params.list("roles");
  change.users = params.list("users");
  change.groups = params.list("groups");
  change.tokens = params.list("tokens");
  change.propagate = params.flag("propagate", true);
  change.remove = params.flag("delete");
  if (change.users.empty() && change.groups.empty() && change.tokens.empty()) {
    throw wire::parameter_error("users", "either 'users', 'groups' or 'tokens' is required.");
  }
  parts.users.update_acl(change);
  return nullptr;
}

Verb without_tokens(Verb verb) {
  verb.tokens = false;
  return verb;
}

}  // namespace

std::vector<Verb> access_verbs() {
  const auto admin = [] { return all_of("/access", {"Sys.Modify"}); };
  const auto allocate = [] { return all_of("/access/groups", {"Group.Allocate"}); };
  return {
      {"GET", "/access/ticket", Pace::quick, for_world(), nothing},
      without_tokens({"POST", "/access/ticket", Pace::work, for_world(), login}),
      {"POST", "/access/vncticket", Pace::quick, for_world(), check_vnc_ticket},
      without_tokens({"PUT", "/access/password", Pace::work,
                      by_check(require_self_or_modify, "the user himself, or User.Modify on /access/groups"),
                      change_password}),
      {"GET", "/access/domains", Pace::quick, for_world(), domains},
      {"GET", "/access/domains/{realm}", Pace::quick,
       any_of("/access/realm", {"Realm.Allocate", "Sys.Audit"}), domain},
      {"GET", "/access/permissions", Pace::quick, for_users(), permissions},
      {"GET", "/access/tfa", Pace::quick, for_users(), no_second_factors},
      {"GET", "/access/users/{userid}/tfa", Pace::quick,
       by_check(require_self_or_audit, "the user himself, or User.Modify or Sys.Audit on /access/groups"),
       user_second_factors},
      {"GET", "/access/roles", Pace::quick, for_users(), roles},
      {"POST", "/access/roles", Pace::work, admin(), create_role},
      {"GET", "/access/roles/{roleid}", Pace::quick, for_users(), role},
      {"PUT", "/access/roles/{roleid}", Pace::work, admin(), update_role},
      {"DELETE", "/access/roles/{roleid}", Pace::work, admin(), delete_role},
      {"GET", "/access/groups", Pace::quick, for_users(), groups},
      {"POST", "/access/groups", Pace::work, allocate(), create_group},
      {"GET", "/access/groups/{groupid}", Pace::quick,
       any_of("/access/groups", {"Sys.Audit", "Group.Allocate"}), group},
      {"PUT", "/access/groups/{groupid}", Pace::work, allocate(), update_group},
      {"DELETE", "/access/groups/{groupid}", Pace::work, allocate(), delete_group},
      {"GET", "/access/acl", Pace::quick, for_users(), acl},
      {"PUT", "/access/acl", Pace::work, by_check(check_acl, "Permissions.Modify on the path"), update_acl},
  };
}

}  // namespace hlid::node::service
