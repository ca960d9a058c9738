#pragma once
#include <string>

namespace hlid::node::auth {

/// Who asks: a user, or one of his API tokens.
struct Identity {
  std::string user;        ///< "root@pam"
  std::string token = {};  ///< the token's id without its user; empty: the user himself

  /// root@pam himself. A token of his is not, whatever its privileges (what Proxmox reserves for root stays
  /// so).
  bool is_root_user() const { return user == "root@pam" && token.empty(); }
  /// As in UPIDs and access lists: "terra@pve!ci".
  std::string name() const { return token.empty() ? user : user + "!" + token; }
  bool operator==(const Identity&) const = default;
};

}  // namespace hlid::node::auth
