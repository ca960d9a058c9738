#include "node/auth/permissions.h"

#include <map>
#include <shared_mutex>
#include <unordered_map>

#include "base/text.h"
#include "wire/api_error.h"

namespace hlid::node::auth {
namespace {

using config::UserCfg;
/// Roles somebody has at a path; true: they hold below it too.
using Roles = std::map<std::string_view, bool>;

constexpr std::string_view kNoAccess = "NoAccess";
constexpr std::size_t kMaxCached = 20'000;

/// The paths that GET permissions always shows, and those that a login's capabilities are read from.
constexpr std::string_view kTopPaths[] = {"/",     "/access", "/access/groups", "/nodes",
                                          "/pool", "/sdn",    "/storage",       "/vms"};
constexpr std::string_view kCapabilityPaths[] = {"/",        "/nodes", "/access/groups", "/vms",
                                                 "/storage", "/sdn",   "/mapping"};

/// Paths from "/" down to `path` itself.
std::vector<std::string_view> ancestors(std::string_view path) {
  std::vector<std::string_view> list = {"/"};
  for (auto slash = path.find('/', 1); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    list.push_back(path.substr(0, slash));
  if (path != "/") list.push_back(path);
  return list;
}

bool is_member(const UserCfg& cfg, std::string_view group, const std::string& user) {
  const auto found = cfg.groups.find(group);
  return found != cfg.groups.end() && found->second.members.count(user) != 0;
}

/// Roles that `who` (a user or a full token id) is given at `path`: the nearest level with an entry decides,
/// there his own entries before those of his groups.
Roles roles_at(const UserCfg& cfg, const std::string& who, bool is_token, std::string_view path) {
  Roles roles;
  for (const auto level : ancestors(path)) {
    Roles own, of_groups;
    for (const auto& entry : cfg.acl) {
      if (entry.path != level || (!entry.propagate && level != path)) continue;
      if (entry.who == who)
        own[entry.role] = entry.propagate;
      else if (!is_token && entry.who.starts_with('@') &&
               is_member(cfg, std::string_view(entry.who).substr(1), who))
        of_groups[entry.role] = of_groups[entry.role] || entry.propagate;
    }
    if (!own.empty())
      roles = std::move(own);
    else if (!of_groups.empty())
      roles = std::move(of_groups);
  }
  return roles;
}

/// What the pool that a machine or storage is in adds.
void add_pool_roles(const UserCfg& cfg, const std::string& who, bool is_token, std::string_view path,
                    Roles& roles) {
  const bool machine = path.rfind("/vms/", 0) == 0, store = path.rfind("/storage/", 0) == 0;
  if (!machine && !store) return;
  const auto member = path.substr(path.rfind('/') + 1);
  for (const auto& [id, pool] : cfg.pools) {
    const auto& members = machine ? pool.vms : pool.storages;
    if (members.find(member) == members.end()) continue;
    for (const auto& [role, below] : roles_at(cfg, who, is_token, "/pool/" + id))
      if (role != kNoAccess) roles.emplace(role, false);
  }
}

Rights rights_of(const UserCfg& cfg, const std::string& who, bool is_token, std::string_view path) {
  auto roles = roles_at(cfg, who, is_token, path);
  if (roles.count(kNoAccess) == 0) add_pool_roles(cfg, who, is_token, path, roles);
  if (roles.count(kNoAccess) != 0) return {};
  Rights rights;
  for (const auto& [role, below] : roles) {
    const auto privileges = privileges_of_role(cfg, role).value_or(PrivilegeSet{});
    rights.privileges |= privileges;
    if (below) rights.propagated |= privileges;
  }
  return rights;
}

Rights everything() {
  return {every_privilege(), every_privilege()};
}

json::object to_object(const Rights& rights) {
  json::object object;
  for (const auto name : names_of(rights.privileges))
    object[name] = rights.propagated.test(*privilege_number(name)) ? 1 : 0;
  return object;
}

/// Which privileges a login's `cap` lists under which name (pve-access-control, compute_api_permission).
struct Capability {
  std::string_view name;
  std::vector<std::string_view> prefixes;
};
const std::vector<Capability>& capability_table() {
  static const std::vector<Capability> table = {
      {"access", {"User.", "Group.", "Permissions.Modify"}},
      {"dc", {"Sys.Audit", "Sys.Modify", "SDN."}},
      {"mapping", {"Mapping.", "Permissions.Modify"}},
      {"nodes", {"Sys.", "Permissions.Modify"}},
      {"sdn", {"SDN.", "Permissions.Modify"}},
      {"storage", {"Datastore.", "Permissions.Modify"}},
      {"vms", {"VM.", "Permissions.Modify"}},
  };
  return table;
}

std::set<std::string> known_paths(const UserCfg& cfg) {
  std::set<std::string> paths;
  for (const auto& entry : cfg.acl) paths.insert(entry.path);
  for (const auto& [id, pool] : cfg.pools) {
    paths.insert("/pool/" + id);
    for (const auto& vm : pool.vms) paths.insert("/vms/" + vm);
    for (const auto& storage : pool.storages) paths.insert("/storage/" + storage);
  }
  return paths;
}

}  // namespace

Rights rights_at(const UserCfg& cfg, const Identity& who, std::string_view path) {
  if (who.is_root_user()) return everything();
  const auto own = who.user == "root@pam" ? everything() : rights_of(cfg, who.user, false, path);
  if (who.token.empty()) return own;
  const auto user = cfg.users.find(who.user);
  if (user == cfg.users.end()) return {};
  const auto token = user->second.tokens.find(who.token);
  if (token == user->second.tokens.end()) return {};
  if (!token->second.privsep) return own;
  const auto granted = rights_of(cfg, who.name(), true, path);
  return {own.privileges & granted.privileges, own.propagated & granted.propagated};
}

struct Permissions::Cache {
  std::shared_mutex mutex;
  std::shared_ptr<const UserCfg> cfg;
  std::unordered_map<std::string, Rights> known;
};

Permissions::Permissions(Users& users) : users_(users), cache_(std::make_unique<Cache>()) {}
Permissions::~Permissions() = default;

Rights Permissions::rights(const Identity& who, std::string_view path) const {
  if (who.is_root_user()) return everything();
  const auto cfg = users_.read();
  const auto key = fmt::format("{}\n{}", who.name(), path);
  {
    const std::shared_lock lock(cache_->mutex);
    if (cache_->cfg == cfg)
      if (const auto found = cache_->known.find(key); found != cache_->known.end()) return found->second;
  }
  const auto rights = rights_at(*cfg, who, path);
  const std::unique_lock lock(cache_->mutex);
  if (cache_->cfg != cfg || cache_->known.size() >= kMaxCached) {
    cache_->cfg = cfg;
    cache_->known.clear();
  }
  cache_->known.emplace(key, rights);
  return rights;
}

bool Permissions::has(const Identity& who, std::string_view path, std::string_view privilege) const {
  const auto number = privilege_number(privilege);
  return number && rights(who, path).privileges.test(*number);
}

void Permissions::require(const Identity& who, std::string_view path,
                          const std::vector<std::string_view>& privileges, bool any) const {
  const auto held = rights(who, path).privileges;
  std::string listed;
  bool one = false;
  for (const auto privilege : privileges) {
    const auto number = privilege_number(privilege);
    const bool has = number && held.test(*number);
    one = one || has;
    if (!has && !any) throw wire::permission_error(fmt::format("{}, {}", path, privilege));
    listed += fmt::format("{}{}", listed.empty() ? "" : "|", privilege);
  }
  if (any && !one) throw wire::permission_error(fmt::format("{}, {}", path, listed));
}

void Permissions::require_root(const Identity& who) const {
  if (!who.is_root_user()) throw wire::permission_error("user != root@pam");
}

json::object Permissions::tree(const Identity& who, const std::string& path) const {
  const auto cfg = users_.read();
  std::set<std::string> paths = {path};
  if (path.empty()) {
    paths = known_paths(*cfg);
    for (const auto top : kTopPaths) paths.emplace(top);
  }
  json::object tree;
  for (const auto& each : paths)
    if (auto object = to_object(rights_at(*cfg, who, each)); !object.empty()) tree[each] = std::move(object);
  return tree;
}

json::object Permissions::capabilities(const Identity& who) const {
  const auto cfg = users_.read();
  PrivilegeSet held;
  for (const auto path : kCapabilityPaths) held |= rights_at(*cfg, who, path).privileges;
  for (const auto& path : known_paths(*cfg)) held |= rights_at(*cfg, who, path).privileges;
  json::object all;
  for (const auto& [name, prefixes] : capability_table()) {
    json::object listed;
    for (const auto privilege : names_of(held))
      for (const auto prefix : prefixes)
        if (privilege.rfind(prefix, 0) == 0) listed[privilege] = 1;
    all[name] = std::move(listed);
  }
  return all;
}

std::map<std::string, config::PoolEntry, std::less<>> Permissions::pools() const {
  return users_.read()->pools;
}

void Permissions::add_to_pool(const std::string& pool, Vmid vmid) {
  users_.change([&](UserCfg& cfg) {
    const auto found = cfg.pools.find(pool);
    if (found == cfg.pools.end()) throw wire::failure(fmt::format("pool '{}' does not exist", pool));
    for (auto& [id, other] : cfg.pools) other.vms.erase(to_string(vmid));
    found->second.vms.insert(to_string(vmid));
  });
}

void Permissions::forget_machine(Vmid vmid) {
  users_.change([&](UserCfg& cfg) {
    for (auto& [id, pool] : cfg.pools) pool.vms.erase(to_string(vmid));
    std::erase_if(cfg.acl, [&](const auto& entry) { return entry.path == "/vms/" + to_string(vmid); });
  });
}

}  // namespace hlid::node::auth
