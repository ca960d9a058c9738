#include "node/auth/users.h"

#include <sys/stat.h>

#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "node/auth/roles.h"
#include "node/auth/secret_files.h"
#include "node/auth/tickets.h"
#include "sys/files.h"
#include "sys/hash.h"
#include "wire/api_error.h"

namespace hlid::node::auth {
namespace {

using config::UserCfg;
constexpr std::string_view kRoot = "root@pam";
constexpr auto kRecheck = std::chrono::milliseconds(100);

struct Stamp {
  std::int64_t seconds = -1, nanoseconds = 0, size = 0;
  ino_t inode = 0;
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return {};
  return {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino};
}

bool is_expired(std::int64_t expire, std::int64_t now) {
  return expire > 0 && expire <= now;
}

config::UserEntry& require_user(UserCfg& cfg, const std::string& user) {
  const auto found = cfg.users.find(user);
  if (found == cfg.users.end()) throw wire::failure(fmt::format("no such user ('{}')", user));
  return found->second;
}

config::TokenEntry& require_token(UserCfg& cfg, const std::string& user, const std::string& token) {
  auto& entry = require_user(cfg, user);
  const auto found = entry.tokens.find(token);
  if (found == entry.tokens.end())
    throw wire::failure(fmt::format("no such token '{}' for user '{}'", token, user));
  return found->second;
}

void apply(const UserChange& change, config::UserEntry& entry) {
  const auto take = [](const auto& from, auto& to) {
    if (from) to = *from;
  };
  take(change.enable, entry.enable);
  take(change.expire, entry.expire);
  take(change.first_name, entry.first_name);
  take(change.last_name, entry.last_name);
  take(change.email, entry.email);
  take(change.comment, entry.comment);
  take(change.keys, entry.keys);
}

void apply_groups(UserCfg& cfg, const std::string& user, const UserChange& change) {
  if (!change.groups) return;
  if (!change.append_groups)
    for (auto& [id, group] : cfg.groups) group.members.erase(user);
  for (const auto& id : *change.groups) {
    const auto group = cfg.groups.find(id);
    if (group == cfg.groups.end()) throw wire::failure(fmt::format("no such group '{}'", id));
    group->second.members.insert(user);
  }
}

void apply(const TokenChange& change, config::TokenEntry& entry) {
  if (change.privsep) entry.privsep = *change.privsep;
  if (change.expire) entry.expire = *change.expire;
  if (change.comment) entry.comment = *change.comment;
}

std::set<std::string, std::less<>> role_names(const PrivilegeSet& set) {
  std::set<std::string, std::less<>> names;
  for (const auto name : names_of(set)) names.emplace(name);
  return names;
}

/// Every change of the file fails as "WHAT failed: TEXT" (pve-access-control, lock_user_config).
template <typename Work>
auto with_prefix(const char* what, Work work) {
  try {
    return work();
  } catch (const wire::ApiError& failure) {
    if (!failure.errors().empty()) throw;
    throw wire::failure(fmt::format("{} failed: {}", what, failure.message()));
  }
}

}  // namespace

struct Users::State {
  std::filesystem::path file;
  sys::Clock& clock;
  sys::Random& random;
  mutable std::mutex mutex;
  SecretFile tokens;
  SecretFile passwords;
  mutable std::shared_ptr<const UserCfg> cfg;
  mutable Stamp stamp = {-2};
  mutable std::chrono::steady_clock::time_point checked;

  /// With the mutex held.
  const std::shared_ptr<const UserCfg>& current(bool now) const {
    const auto time = clock.now();
    if (cfg && !now && time - checked < kRecheck) return cfg;
    checked = time;
    const auto seen = stamp_of(file);
    if (cfg && seen == stamp) return cfg;
    auto fresh = config::parse_user_cfg(sys::read_file_if_exists(file).value_or(""));
    fresh.users[std::string(kRoot)].enable = true;  // always there, always enabled
    cfg = std::make_shared<const UserCfg>(std::move(fresh));
    stamp = seen;
    return cfg;
  }
  void edit(const std::function<void(UserCfg&)>& work) {
    auto changed = *current(true);
    work(changed);
    if (changed == *cfg && stamp != Stamp{}) return;
    sys::write_durable(file, config::print_user_cfg(changed), 0640);
    stamp = stamp_of(file);
    cfg = std::make_shared<const UserCfg>(std::move(changed));
  }
};

Users::Users(std::filesystem::path user_cfg, std::filesystem::path priv, sys::Clock& clock,
             sys::Random& random)
    : state_(new State{std::move(user_cfg),
                       clock,
                       random,
                       {},
                       SecretFile(priv / "token.cfg", ' '),
                       SecretFile(priv / "shadow.cfg", ' '),
                       nullptr,
                       {-2},
                       {}}) {
  if (!std::filesystem::exists(state_->file)) change([](UserCfg& cfg) { cfg.users[std::string(kRoot)]; });
}

Users::~Users() = default;

std::shared_ptr<const UserCfg> Users::read() const {
  const std::lock_guard lock(state_->mutex);
  return state_->current(false);
}

void Users::change(const std::function<void(UserCfg&)>& edit) {
  const std::lock_guard lock(state_->mutex);
  state_->edit(edit);
}

bool Users::is_active(const std::string& user) const {
  if (user == kRoot) return true;
  const auto cfg = read();
  const auto found = cfg->users.find(user);
  return found != cfg->users.end() && found->second.enable &&
         !is_expired(found->second.expire, state_->clock.unix_seconds());
}

bool Users::check_password(const std::string& user, const Secret& password) const {
  std::optional<std::string> hash;
  {
    const std::lock_guard lock(state_->mutex);
    hash = state_->passwords.find(user);
  }
  return is_active(user) && hash && matches_password(password, *hash);
}

void Users::set_password(const std::string& user, const Secret& password) {
  const auto realm = realm_of(user);
  if (realm != "pam" && realm != "pve")
    throw wire::failure(fmt::format("can't set password on auth type '{}'", realm));
  const auto cfg = read();
  if (cfg->users.find(user) == cfg->users.end())
    throw wire::failure(fmt::format("no such user ('{}')", user));
  const auto hash = hash_password(password, state_->random);
  const std::lock_guard lock(state_->mutex);
  state_->passwords.set(user, hash);
}

bool Users::check_token(const Identity& identity, const Secret& secret) const {
  const auto now = state_->clock.unix_seconds();
  std::optional<std::string> stored;
  {
    const std::lock_guard lock(state_->mutex);
    const auto& cfg = *state_->current(false);
    const auto user = cfg.users.find(identity.user);
    if (user == cfg.users.end()) return false;
    const auto token = user->second.tokens.find(identity.token);
    if (token == user->second.tokens.end() || is_expired(token->second.expire, now)) return false;
    if (identity.user != kRoot && (!user->second.enable || is_expired(user->second.expire, now)))
      return false;
    stored = state_->tokens.find(identity.name());
  }
  return stored && equal_in_constant_time(*stored, "sha256:" + sys::sha256_hex(secret.reveal()));
}

void Users::create_user(const std::string& user, const UserChange& fields,
                        const std::optional<Secret>& password) {
  with_prefix("create user", [&] {
    change([&](UserCfg& cfg) {
      if (cfg.users.count(user) != 0) throw wire::failure(fmt::format("user '{}' already exists", user));
      apply(fields, cfg.users[user]);
      apply_groups(cfg, user, fields);
    });
    if (password) set_password(user, *password);
  });
}

void Users::update_user(const std::string& user, const UserChange& fields) {
  with_prefix("update user", [&] {
    change([&](UserCfg& cfg) {
      apply(fields, require_user(cfg, user));
      apply_groups(cfg, user, fields);
    });
  });
}

void Users::delete_user(const std::string& user) {
  if (user == kRoot) throw wire::failure("delete user failed: root@pam cannot be deleted");
  change([&](UserCfg& cfg) {
    cfg.users.erase(user);
    for (auto& [id, group] : cfg.groups) group.members.erase(user);
    std::erase_if(
        cfg.acl, [&](const auto& entry) { return entry.who == user || entry.who.rfind(user + "!", 0) == 0; });
  });
  const std::lock_guard lock(state_->mutex);
  state_->passwords.remove(user);
  state_->tokens.remove_prefix(user + "!");
}

config::UserEntry Users::user(const std::string& user) const {
  auto cfg = *read();
  return require_user(cfg, user);
}

std::vector<std::string> Users::groups_of(const std::string& user) const {
  std::vector<std::string> groups;
  for (const auto& [id, group] : read()->groups)
    if (group.members.count(user) != 0) groups.push_back(id);
  return groups;
}

Secret Users::create_token(const std::string& user, const std::string& token, const TokenChange& fields) {
  const std::lock_guard lock(state_->mutex);
  const Secret secret(state_->random.uuid().text);
  const auto check = [&](UserCfg& cfg) {
    auto& tokens = require_user(cfg, user).tokens;
    if (tokens.count(token) != 0) throw wire::parameter_error("tokenid", "Token already exists.");
  };
  auto copy = *state_->current(true);
  check(copy);
  // First the secret: a token without one can never be used, one with an old secret could.
  state_->tokens.set(user + "!" + token, "sha256:" + sys::sha256_hex(secret.reveal()));
  state_->edit([&](UserCfg& cfg) { apply(fields, require_user(cfg, user).tokens[token]); });
  return secret;
}

config::TokenEntry Users::update_token(const std::string& user, const std::string& token,
                                       const TokenChange& fields) {
  config::TokenEntry result;
  change([&](UserCfg& cfg) {
    auto& entry = require_token(cfg, user, token);
    apply(fields, entry);
    result = entry;
  });
  return result;
}

void Users::delete_token(const std::string& user, const std::string& token) {
  const std::lock_guard lock(state_->mutex);
  state_->edit([&](UserCfg& cfg) {
    require_token(cfg, user, token);
    require_user(cfg, user).tokens.erase(token);
    std::erase_if(cfg.acl, [&](const auto& entry) { return entry.who == user + "!" + token; });
  });
  state_->tokens.remove(user + "!" + token);
}

config::TokenEntry Users::token(const std::string& user, const std::string& token) const {
  auto cfg = *read();
  return require_token(cfg, user, token);
}

void Users::create_role(const std::string& role, const std::string& privileges) {
  const auto set = parse_privileges(privileges);
  with_prefix("create role", [&] {
    change([&](UserCfg& cfg) {
      if (is_builtin_role(role) || cfg.roles.count(role) != 0)
        throw wire::failure(fmt::format("role '{}' already exists", role));
      cfg.roles[role] = role_names(set);
    });
  });
}

void Users::update_role(const std::string& role, const std::string& privileges, bool append) {
  const auto set = parse_privileges(privileges);
  with_prefix("update role", [&] {
    if (is_builtin_role(role))
      throw wire::failure(fmt::format("auto-generated role '{}' cannot be modified", role));
    change([&](UserCfg& cfg) {
      const auto found = cfg.roles.find(role);
      if (found == cfg.roles.end()) throw wire::failure(fmt::format("role '{}' does not exist", role));
      if (!append) found->second.clear();
      found->second.merge(role_names(set));
    });
  });
}

void Users::delete_role(const std::string& role) {
  with_prefix("delete role", [&] {
    if (is_builtin_role(role))
      throw wire::failure(fmt::format("auto-generated role '{}' cannot be deleted", role));
    change([&](UserCfg& cfg) {
      if (cfg.roles.erase(role) == 0) throw wire::failure(fmt::format("role '{}' does not exist", role));
      std::erase_if(cfg.acl, [&](const auto& entry) { return entry.role == role; });
    });
  });
}

void Users::create_group(const std::string& group, const std::string& comment) {
  with_prefix("create group", [&] {
    change([&](UserCfg& cfg) {
      if (!cfg.groups.emplace(group, config::GroupEntry{{}, comment}).second)
        throw wire::failure(fmt::format("group '{}' already exists", group));
    });
  });
}

void Users::update_group(const std::string& group, const std::string& comment) {
  with_prefix("update group", [&] {
    change([&](UserCfg& cfg) {
      const auto found = cfg.groups.find(group);
      if (found == cfg.groups.end()) throw wire::failure(fmt::format("group '{}' does not exist", group));
      found->second.comment = comment;
    });
  });
}

void Users::delete_group(const std::string& group) {
  with_prefix("delete group", [&] {
    change([&](UserCfg& cfg) {
      if (cfg.groups.erase(group) == 0) throw wire::failure(fmt::format("group '{}' does not exist", group));
      std::erase_if(cfg.acl, [&](const auto& entry) { return entry.who == "@" + group; });
    });
  });
}

}  // namespace hlid::node::auth
