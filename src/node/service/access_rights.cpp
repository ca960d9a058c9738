#include "node/service/access_rights.h"

#include "node/auth/permissions.h"
#include "node/auth/users.h"
#include "wire/api_error.h"

namespace hlid::node::service {
namespace {

[[noreturn]] void refuse() {
  throw wire::ApiError(403, "Permission check failed");
}

std::string user_param(const Call& call) {
  return call.params.get_or("userid", "");
}

bool is_self(const Call& call) {
  return call.who.token.empty() && call.who.user == user_param(call);
}

}  // namespace

bool may_for_user(const Parts& parts, const auth::Identity& who, const std::string& user,
                  std::string_view privilege) {
  if (parts.permissions.has(who, "/access/groups", privilege)) return true;
  for (const std::string& group : parts.users.groups_of(user)) {
    if (parts.permissions.has(who, "/access/groups/" + group, privilege)) return true;
  }
  return false;
}

void require_self_or_modify(const Parts& parts, const Call& call) {
  if (!is_self(call) && !may_for_user(parts, call.who, user_param(call), "User.Modify")) refuse();
}

void require_self_or_audit(const Parts& parts, const Call& call) {
  if (is_self(call)) return;
  require_audit_user(parts, call);
}

void require_modify_user(const Parts& parts, const Call& call) {
  if (!may_for_user(parts, call.who, user_param(call), "User.Modify")) refuse();
}

void require_audit_user(const Parts& parts, const Call& call) {
  const std::string user = user_param(call);
  if (!may_for_user(parts, call.who, user, "User.Modify") &&
      !may_for_user(parts, call.who, user, "Sys.Audit"))
    refuse();
}

void require_create_user(const Parts& parts, const Call& call) {
  const std::string realm = auth::realm_of(user_param(call));
  parts.permissions.require(call.who, "/access/realm/" + realm, {"Realm.AllocateUser"});
  parts.permissions.require(call.who, "/access/groups", {"User.Modify"});
}

}  // namespace hlid::node::service
