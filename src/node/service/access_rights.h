// Who may see and change which users.
#pragma once

#include <string>

#include "node/service/parts.h"
#include "node/service/verb.h"

namespace hlid::node::service {

/// The privilege on all groups, or on one that the user is in (pve-access-control: 'userid-group').
bool may_for_user(const Parts& parts, const auth::Identity& who, const std::string& user,
                  std::string_view privilege);
/// The user himself, or one that may modify (or, with `audit`, see) him. Throws 403 "Permission check
/// failed".
void require_self_or_modify(const Parts& parts, const Call& call);
void require_self_or_audit(const Parts& parts, const Call& call);
void require_modify_user(const Parts& parts, const Call& call);
void require_audit_user(const Parts& parts, const Call& call);
void require_create_user(const Parts& parts, const Call& call);

}  // namespace hlid::node::service
