#include "node/service/callers.h"

namespace hlid::node::service {

std::string user_of(const auth::Identity& who) {
  return who.name();
}

vm::Caller caller_of(const auth::Identity& who) {
  return {user_of(who), who.is_root_user()};
}

vm::Params machine_params(const Params& params) {
  vm::Params result;
  for (const auto& [name, value] : params.items()) {
    if (name == "node" || name == "vmid" || value.kind == Value::Kind::null) continue;
    result.emplace(name, *params.get(name));
  }
  return result;
}

Vmid vmid_of(const Params& params) {
  return {params.small("vmid", 0)};
}

}  // namespace hlid::node::service
