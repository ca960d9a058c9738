#include "node/auth/roles.h"

#include <algorithm>

#include "base/text.h"
#include "wire/api_error.h"

namespace hlid::node::auth {
namespace {

PrivilegeSet set_of(const std::vector<std::string_view>& names) {
  PrivilegeSet set;
  for (const auto name : names) set.set(*privilege_number(name));
  return set;
}

PrivilegeSet starting_with(std::string_view prefix) {
  PrivilegeSet set;
  for (std::size_t i = 0; i < all_privileges().size(); ++i)
    if (all_privileges()[i].rfind(prefix, 0) == 0) set.set(i);
  return set;
}

/// What root only may do is in no role but Administrator.
PrivilegeSet admin_privileges() {
  return every_privilege() & ~set_of({"Mapping.Modify", "Permissions.Modify", "Realm.Allocate",
                                      "Sys.AccessNetwork", "Sys.Incoming", "Sys.Modify", "Sys.PowerMgmt"});
}

std::vector<BuiltinRole> make_roles() {
  return {
      {"Administrator", every_privilege()},
      {"NoAccess", {}},
      {"PVEAdmin", admin_privileges()},
      {"PVEAuditor",
       set_of({"Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit"})},
      {"PVEDatastoreAdmin", starting_with("Datastore.")},
      {"PVEDatastoreUser", set_of({"Datastore.AllocateSpace", "Datastore.Audit"})},
      {"PVEMappingAdmin", starting_with("Mapping.")},
      {"PVEMappingUser", set_of({"Mapping.Audit", "Mapping.Use"})},
      {"PVEPoolAdmin", starting_with("Pool.")},
      {"PVEPoolUser", set_of({"Pool.Audit"})},
      {"PVESDNAdmin", starting_with("SDN.")},
      {"PVESDNUser", set_of({"SDN.Audit", "SDN.Use"})},
      {"PVESysAdmin", set_of({"Sys.Audit", "Sys.Console", "Sys.Syslog"})},
      {"PVETemplateUser", set_of({"VM.Audit", "VM.Clone"})},
      {"PVEUserAdmin", set_of({"Group.Allocate", "Realm.AllocateUser", "User.Modify"})},
      {"PVEVMAdmin", starting_with("VM.")},
      {"PVEVMUser", set_of({"VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console",
                            "VM.PowerMgmt"})},
  };
}

}  // namespace

const std::vector<std::string_view>& all_privileges() {
  static const std::vector<std::string_view> names = {"Datastore.Allocate",
                                                      "Datastore.AllocateSpace",
                                                      "Datastore.AllocateTemplate",
                                                      "Datastore.Audit",
                                                      "Group.Allocate",
                                                      "Mapping.Audit",
                                                      "Mapping.Modify",
                                                      "Mapping.Use",
                                                      "Permissions.Modify",
                                                      "Pool.Allocate",
                                                      "Pool.Audit",
                                                      "Realm.Allocate",
                                                      "Realm.AllocateUser",
                                                      "SDN.Allocate",
                                                      "SDN.Audit",
                                                      "SDN.Use",
                                                      "Sys.AccessNetwork",
                                                      "Sys.Audit",
                                                      "Sys.Console",
                                                      "Sys.Incoming",
                                                      "Sys.Modify",
                                                      "Sys.PowerMgmt",
                                                      "Sys.Syslog",
                                                      "User.Modify",
                                                      "VM.Allocate",
                                                      "VM.Audit",
                                                      "VM.Backup",
                                                      "VM.Clone",
                                                      "VM.Config.CDROM",
                                                      "VM.Config.CPU",
                                                      "VM.Config.Cloudinit",
                                                      "VM.Config.Disk",
                                                      "VM.Config.HWType",
                                                      "VM.Config.Memory",
                                                      "VM.Config.Network",
                                                      "VM.Config.Options",
                                                      "VM.Console",
                                                      "VM.Migrate",
                                                      "VM.Monitor",
                                                      "VM.PowerMgmt",
                                                      "VM.Snapshot",
                                                      "VM.Snapshot.Rollback"};
  return names;
}

std::optional<std::size_t> privilege_number(std::string_view privilege) {
  const auto& names = all_privileges();
  const auto found = std::lower_bound(names.begin(), names.end(), privilege);
  if (found == names.end() || *found != privilege) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

PrivilegeSet every_privilege() {
  return starting_with("");
}

const std::vector<BuiltinRole>& builtin_roles() {
  static const auto roles = make_roles();
  return roles;
}

bool is_builtin_role(std::string_view name) {
  const auto& roles = builtin_roles();
  return std::any_of(roles.begin(), roles.end(), [&](const auto& role) { return role.name == name; });
}

std::optional<PrivilegeSet> privileges_of_role(const config::UserCfg& cfg, std::string_view role) {
  for (const auto& builtin : builtin_roles())
    if (builtin.name == role) return builtin.privileges;
  const auto custom = cfg.roles.find(role);
  if (custom == cfg.roles.end()) return std::nullopt;
  PrivilegeSet set;
  // A privilege of another release than ours is kept in the file but means nothing here.
  for (const auto& name : custom->second)
    if (const auto number = privilege_number(name)) set.set(*number);
  return set;
}

std::vector<std::string_view> names_of(const PrivilegeSet& privileges) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < all_privileges().size(); ++i)
    if (privileges.test(i)) names.push_back(all_privileges()[i]);
  return names;
}

PrivilegeSet parse_privileges(std::string_view list) {
  PrivilegeSet set;
  for (const auto& name : split_list(list, ",; ")) {
    const auto number = privilege_number(name);
    if (!number) throw wire::parameter_error("privs", "invalid format - invalid privilege '" + name + "'\n");
    set.set(*number);
  }
  return set;
}

}  // namespace hlid::node::auth
