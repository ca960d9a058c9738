// `user.cfg`: users, tokens, groups, pools, roles and access control, in Proxmox VE's colon format, as plain
// data.
//
// Contract: a file that the real Proxmox wrote prints back byte for byte; parse(print(x)) == x for names
// without `:`. No secret is in it (token secrets live in priv/token.cfg, passwords in priv/shadow.cfg).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hlid::node::config {

struct TokenEntry {
  std::int64_t expire = 0;  // seconds since the epoch, 0: never
  bool privsep = true;
  std::string comment;
  bool operator==(const TokenEntry&) const = default;
};

struct UserEntry {
  bool enable = true;
  std::int64_t expire = 0;
  std::string first_name;
  std::string last_name;
  std::string email;
  std::string comment;
  std::string keys;
  std::map<std::string, TokenEntry, std::less<>> tokens;  // by token id, without `user!`
  bool operator==(const UserEntry&) const = default;
};

struct GroupEntry {
  std::set<std::string, std::less<>> members;
  std::string comment;
  bool operator==(const GroupEntry&) const = default;
};

struct PoolEntry {
  std::string comment;
  std::set<std::string, std::less<>> vms;
  std::set<std::string, std::less<>> storages;
  bool operator==(const PoolEntry&) const = default;
};

/// One grant: who (`user@realm`, `user@realm!token` or `@group`) has `role` at `path`.
struct AclEntry {
  std::string path;
  std::string who;
  std::string role;
  bool propagate = true;
  bool operator==(const AclEntry&) const = default;
};

struct UserCfg {
  std::map<std::string, UserEntry, std::less<>> users;
  std::map<std::string, GroupEntry, std::less<>> groups;
  std::map<std::string, PoolEntry, std::less<>> pools;
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> roles;  // role -> privileges
  std::vector<AclEntry> acl;
  bool operator==(const UserCfg&) const = default;
};

/// Never throws: lines that are not understood, and tokens of users that are not there, are left out.
UserCfg parse_user_cfg(std::string_view text);
std::string print_user_cfg(const UserCfg& cfg);

}  // namespace hlid::node::config
