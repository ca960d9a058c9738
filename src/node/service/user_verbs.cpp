// Users and their API tokens.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "node/auth/permissions.h"
#include "node/auth/users.h"
#include "node/service/access_rights.h"
#include "node/service/verbs.h"

namespace hlid::node::service {
namespace {

auth::UserChange change_of(const Params& params) {
  auth::UserChange change;
  if (params.has("enable")) change.enable = params.flag("enable");
  change.expire = params.integer("expire");
  change.first_name = params.get("firstname");
  change.last_name = params.get("lastname");
  change.email = params.get("email");
  change.comment = params.get("comment");
  change.keys = params.get("keys");
  if (params.has("groups")) change.groups = params.list("groups");
  change.append_groups = params.flag("append");
  return change;
}

void put(json::object& row, const char* key, const std::string& value) {
  if (!value.empty()) row[key] = value;
}

json::object describe(const config::UserEntry& user) {
  json::object row{{"enable", user.enable ? 1 : 0}, {"expire", user.expire}};
  put(row, "firstname", user.first_name);
  put(row, "lastname", user.last_name);
  put(row, "email", user.email);
  put(row, "comment", user.comment);
  put(row, "keys", user.keys);
  return row;
}

json::object describe(const config::TokenEntry& token) {
  json::object row{{"expire", token.expire}, {"privsep", token.privsep ? 1 : 0}};
  put(row, "comment", token.comment);
  return row;
}

json::value tokens_of(const config::UserEntry& user) {
  if (user.tokens.empty()) return nullptr;
  json::array list;
  for (const auto& [id, token] : user.tokens) {
    json::object row = describe(token);
    row["tokenid"] = id;
    list.push_back(std::move(row));
  }
  return list;
}

Answer users(Parts& parts, Call& call) {
  const bool full = call.params.flag("full");
  json::array list;
  for (const auto& [name, user] : parts.users.read()->users) {
    if (call.params.has("enabled") && user.enable != call.params.flag("enabled")) continue;
    if (name != call.who.user && !may_for_user(parts, call.who, name, "User.Modify") &&
        !may_for_user(parts, call.who, name, "Sys.Audit")) {
      continue;
    }
    json::object row = describe(user);
    row["userid"] = name;
    const std::string realm = auth::realm_of(name);
    if (realm == "pam" || realm == "pve") row["realm-type"] = realm;
    if (full) {
      row["groups"] = join(parts.users.groups_of(name), ",");
      row["tokens"] = tokens_of(user);
    }
    list.push_back(std::move(row));
  }
  return list;
}

Answer user(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("userid", "");
  const config::UserEntry entry = parts.users.user(name);
  json::object row = describe(entry);
  json::array groups;
  for (const std::string& group : parts.users.groups_of(name)) groups.emplace_back(group);
  row["groups"] = std::move(groups);
  if (entry.tokens.empty()) {
    row["tokens"] = nullptr;
  } else {
    json::object tokens;
    for (const auto& [id, token] : entry.tokens) tokens[id] = describe(token);
    row["tokens"] = std::move(tokens);
  }
  return row;
}

Answer create_user(Parts& parts, Call& call) {
  std::optional<Secret> password;
  if (const auto text = call.params.get("password")) password.emplace(*text);
  parts.users.create_user(call.params.get_or("userid", ""), change_of(call.params), password);
  return nullptr;
}

Answer update_user(Parts& parts, Call& call) {
  parts.users.update_user(call.params.get_or("userid", ""), change_of(call.params));
  return nullptr;
}

Answer delete_user(Parts& parts, Call& call) {
  const std::string name = call.params.get_or("userid", "");
  if (name == call.who.user) throw wire::parameter_error("userid", "unable to delete yourself.");
  parts.users.delete_user(name);
  return nullptr;
}

auth::TokenChange token_change_of(const Params& params) {
  auth::TokenChange change;
  if (params.has("privsep")) change.privsep = params.flag("privsep");
  change.expire = params.integer("expire");
  change.comment = params.get("comment");
  return change;
}

Answer tokens(Parts& parts, Call& call) {
  json::value list = tokens_of(parts.users.user(call.params.get_or("userid", "")));
  if (list.is_null()) list = json::array();
  return list;
}

Answer token(Parts& parts, Call& call) {
  return describe(parts.users.token(call.params.get_or("userid", ""), call.params.get_or("tokenid", "")));
}

/// What was passed comes back as it was passed: text (recordings 411, 412).
json::object info_of(const Params& params) {
  json::object info{{"privsep", 1}};
  for (const char* key : {"privsep", "expire", "comment"}) {
    if (const auto value = params.get(key)) info[key] = *value;
  }
  return info;
}

Answer create_token(Parts& parts, Call& call) {
  const std::string user = call.params.get_or("userid", "");
  const std::string id = call.params.get_or("tokenid", "");
  const Secret secret = parts.users.create_token(user, id, token_change_of(call.params));
  return json::object{
      {"full-tokenid", user + "!" + id}, {"value", secret.reveal()}, {"info", info_of(call.params)}};
}

Answer update_token(Parts& parts, Call& call) {
  return describe(parts.users.update_token(call.params.get_or("userid", ""),
                                           call.params.get_or("tokenid", ""), token_change_of(call.params)));
}

Answer delete_token(Parts& parts, Call& call) {
  parts.users.delete_token(call.params.get_or("userid", ""), call.params.get_or("tokenid", ""));
  return nullptr;
}

}  // namespace

std::vector<Verb> user_verbs() {
  const auto own = [] {
    return by_check(require_self_or_modify, "the user himself, or User.Modify on /access/groups");
  };
  const auto modify = [] {
    return by_check(require_modify_user, "User.Modify on /access/groups or a group of the user");
  };
  return {
      {"GET", "/access/users", Pace::quick, for_users(), users},
      {"POST", "/access/users", Pace::work,
       by_check(require_create_user,
                "Realm.AllocateUser on /access/realm/{realm} and User.Modify on /access/groups"),
       create_user},
      {"GET", "/access/users/{userid}", Pace::quick,
       by_check(require_audit_user, "User.Modify or Sys.Audit on /access/groups or a group of the user"),
       user},
      {"PUT", "/access/users/{userid}", Pace::work, modify(), update_user},
      {"DELETE", "/access/users/{userid}", Pace::work, modify(), delete_user},
      {"GET", "/access/users/{userid}/token", Pace::quick, own(), tokens},
      {"GET", "/access/users/{userid}/token/{tokenid}", Pace::quick, own(), token},
      {"POST", "/access/users/{userid}/token/{tokenid}", Pace::work, own(), create_token},
      {"PUT", "/access/users/{userid}/token/{tokenid}", Pace::work, own(), update_token},
      {"DELETE", "/access/users/{userid}/token/{tokenid}", Pace::work, own(), delete_token},
  };
}

}  // namespace hlid::node::service
