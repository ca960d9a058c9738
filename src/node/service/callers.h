// From what a call carries to what the machines' verbs take.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "node/auth/identity.h"
#include "node/service/params.h"
#include "node/vm/machines.h"

namespace hlid::node::service {

/// "user@realm" or "user@realm!token", as UPIDs name it.
std::string user_of(const auth::Identity& who);
vm::Caller caller_of(const auth::Identity& who);
/// All parameters but node and vmid (which the path gave).
vm::Params machine_params(const Params& params);
Vmid vmid_of(const Params& params);

}  // namespace hlid::node::service
