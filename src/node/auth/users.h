#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "node/auth/identity.h"
#include "node/config/user_cfg.h"
#include "sys/clock.h"
#include "sys/entropy.h"

namespace hlid::node::auth {

/// Fields of a user or token that a call sets; absent: left as they are.
struct UserChange {
  std::optional<bool> enable = {};
  std::optional<std::int64_t> expire = {};
  std::optional<std::string> first_name = {}, last_name = {}, email = {}, comment = {}, keys = {};
  std::optional<std::vector<std::string>> groups = {};
  bool append_groups = false;
};
struct TokenChange {
  std::optional<bool> privsep = {};
  std::optional<std::int64_t> expire = {};
  std::optional<std::string> comment = {};
};
struct AclChange {
  std::string path;
  std::vector<std::string> roles, users = {}, groups = {}, tokens = {};
  bool propagate = true;
  bool remove = false;
};

/// Users, tokens, groups, roles and access lists: user.cfg in Proxmox's format, and beside it, 0600, what
/// proves who they are: token.cfg (SHA-256 of each secret; Proxmox has them in plain text) and shadow.cfg
/// (crypt(5) hashes). Users of both realms, pam too, have their passwords here: a node without root cannot
/// ask the host's PAM, and a node should not open with the host's passwords. Thread-safe. Changes throw
/// wire::ApiError with Proxmox's texts; edits of user.cfg by hand are seen within a tenth of a second.
class Users {
 public:
  /// `user_cfg` in etc/, `priv` the folder etc/priv/. root@pam is made when there is no user.cfg.
  Users(std::filesystem::path user_cfg, std::filesystem::path priv, sys::Clock& clock, sys::Random& random);
  ~Users();

  /// As it stands; never changes once handed out. Built-in roles are not in it (roles.h).
  std::shared_ptr<const config::UserCfg> read() const;
  /// Reads, changes and writes it, durably; an exception leaves everything as it was.
  void change(const std::function<void(config::UserCfg&)>& edit);

  /// Exists, is enabled and not expired (root@pam always).
  bool is_active(const std::string& user) const;
  bool check_password(const std::string& user, const Secret& password) const;
  void set_password(const std::string& user, const Secret& password);
  /// The token exists, has that secret, and neither it nor its user is expired or disabled.
  bool check_token(const Identity& identity, const Secret& secret) const;

  void create_user(const std::string& user, const UserChange& fields, const std::optional<Secret>& password);
  void update_user(const std::string& user, const UserChange& fields);
  void delete_user(const std::string& user);  ///< a missing one is fine (facts item 16)
  config::UserEntry user(const std::string& user) const;
  std::vector<std::string> groups_of(const std::string& user) const;

  /// Returns the secret, which is told once.
  Secret create_token(const std::string& user, const std::string& token, const TokenChange& fields);
  config::TokenEntry update_token(const std::string& user, const std::string& token,
                                  const TokenChange& fields);
  void delete_token(const std::string& user, const std::string& token);
  config::TokenEntry token(const std::string& user, const std::string& token) const;

  void create_role(const std::string& role, const std::string& privileges);
  void update_role(const std::string& role, const std::string& privileges, bool append);
  void delete_role(const std::string& role);
  void create_group(const std::string& group, const std::string& comment);
  void update_group(const std::string& group, const std::string& comment);
  void delete_group(const std::string& group);
  void update_acl(const AclChange& change);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "user@realm": user `[^\s:/]+`, realm `[A-Za-z][A-Za-z0-9.\-_]+`, 3 to 64 characters.
bool is_user_id(std::string_view text);
bool is_token_id(std::string_view text);
/// The realm of a user id.
std::string realm_of(std::string_view user);
/// Paths that access lists may name ("/vms/100", "/storage/local", "/sdn/zones/x/y", …). Without a trailing
/// '/'.
bool is_acl_path(std::string_view path);

}  // namespace hlid::node::auth
