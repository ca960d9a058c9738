#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "node/auth/identity.h"
#include "node/auth/roles.h"
#include "node/auth/users.h"
#include "node/config/user_cfg.h"

namespace hlid::node::auth {

/// What somebody may do at one path; `propagated` are those of them that hold below it too.
struct Rights {
  PrivilegeSet privileges;
  PrivilegeSet propagated;
};

/// The rule itself, pure: roles of the nearest entries on the way from "/" to `path` (users' before groups'),
/// those of the pool that a machine or storage is in, and for a token with separated privileges only what its
/// user may as well (pve-access-control, AccessControl.pm roles, RPCEnvironment.pm permissions).
Rights rights_at(const config::UserCfg& cfg, const Identity& who, std::string_view path);

/// Answers who may do what; remembers, as long as user.cfg stays as it is. Thread-safe.
class Permissions {
 public:
  explicit Permissions(Users& users);
  ~Permissions();

  bool has(const Identity& who, std::string_view path, std::string_view privilege) const;
  /// Throws ApiError 403 "Permission check failed (/vms/100, VM.Audit)"; with `any` one privilege is enough
  /// and the text joins them by '|'.
  void require(const Identity& who, std::string_view path, const std::vector<std::string_view>& privileges,
               bool any = false) const;
  /// Throws ApiError 403 "Permission check failed (user != root@pam)".
  void require_root(const Identity& who) const;
  Rights rights(const Identity& who, std::string_view path) const;

  /// GET /access/permissions: path -> privilege -> 1 (holds below too) or 0; only `path` when given.
  json::object tree(const Identity& who, const std::string& path = {}) const;
  /// `cap` of a login's answer: what kinds of things the user can do anywhere.
  json::object capabilities(const Identity& who) const;

  std::map<std::string, config::PoolEntry, std::less<>> pools() const;
  /// Throws ApiError 500 "pool 'x' does not exist". The machine leaves the pool that it was in.
  void add_to_pool(const std::string& pool, Vmid vmid);
  /// When a machine is gone: it leaves its pool, and entries of the access lists for it go.
  void forget_machine(Vmid vmid);

 private:
  struct Cache;
  Users& users_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace hlid::node::auth
