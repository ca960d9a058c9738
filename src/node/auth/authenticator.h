#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "node/auth/identity.h"
#include "node/auth/permissions.h"
#include "node/auth/tickets.h"
#include "node/auth/users.h"

namespace hlid::node::auth {

struct Login {
  std::string username;
  std::string ticket;
  std::string csrf;
  json::object capabilities;
};

/// Who a caller is. Failures are ApiError 401 with Proxmox's reasons; that they are answered late, so that
/// nobody guesses fast, is the HTTP layer's business. Thread-safe.
class Authenticator {
 public:
  Authenticator(Users& users, const Permissions& permissions, const Tickets& tickets, sys::Clock& clock)
      : users_(users), permissions_(permissions), tickets_(tickets), clock_(clock) {}

  /// "USER@REALM!TOKEN=SECRET", or with a blank instead of '='. 401 "Authentication failed!".
  Identity check_token(const std::string& text) const;
  /// 401 "Authentication failed!".
  Identity check_ticket(const std::string& ticket) const;
  /// 401 "Permission denied - invalid csrf token".
  void check_csrf(const Identity& who, const std::string& token) const;

  /// `user` with its realm. The password may be a ticket of the same user, or of root@pam, that still holds.
  /// 401 "authentication failure" whatever the cause.
  Login login(const std::string& user, const Secret& password) const;
  /// Login with `path` and `privs`: no ticket, only whether the user may. 401 as above.
  void verify(const std::string& user, const Secret& password, const std::string& path,
              const std::vector<std::string>& privileges) const;

 private:
  void check_login(const std::string& user, const Secret& password) const;

  Users& users_;
  const Permissions& permissions_;
  const Tickets& tickets_;
  sys::Clock& clock_;
};

/// The token that `hlid` on this machine uses, root@pam!hlid with root's privileges, and the file that tells
/// it (0600): {"endpoint": …, "token": "root@pam!hlid=SECRET", "ca": …}. Keeps a token that still holds.
void ensure_client_file(Users& users, const std::filesystem::path& file, const std::string& endpoint,
                        const std::filesystem::path& authority);

}  // namespace hlid::node::auth
