#pragma once
#include <bitset>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "node/config/user_cfg.h"

/// Privileges and roles (Proxmox VE 8.4: pve-access-control, AccessControl.pm; recording 392).
namespace hlid::node::auth {

constexpr std::size_t kMaxPrivileges = 64;
using PrivilegeSet = std::bitset<kMaxPrivileges>;

/// All privileges, sorted; a privilege's number in a PrivilegeSet is its place here.
const std::vector<std::string_view>& all_privileges();
std::optional<std::size_t> privilege_number(std::string_view privilege);
PrivilegeSet every_privilege();

struct BuiltinRole {
  std::string_view name;
  PrivilegeSet privileges;
};
/// Sorted by name; NoAccess has none.
const std::vector<BuiltinRole>& builtin_roles();
bool is_builtin_role(std::string_view name);

/// nullopt when there is no such role.
std::optional<PrivilegeSet> privileges_of_role(const config::UserCfg& cfg, std::string_view role);
std::vector<std::string_view> names_of(const PrivilegeSet& privileges);
/// A privilege list of the API (separated by blanks, commas, semicolons). Throws ApiError 400 errors.privs
/// "invalid format - invalid privilege 'X'\n".
PrivilegeSet parse_privileges(std::string_view list);

}  // namespace hlid::node::auth
